/** The suite bites: a driver in memory passes it, and each of these broken ones fails it. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Sink, StoredObject } from '../../src/destination.ts';
import { type Bench, type Check, checks } from './destination.ts';
import { emptyStore, MemoryDestination, type MemoryStore } from './destination-memory.ts';

type Driver = new (name: string, store: MemoryStore) => MemoryDestination;

class PublishesAtOnce extends MemoryDestination {
  override async put(key: string, attempt: string): Promise<Sink> {
    const sink = await super.put(key, attempt);
    return {
      ...sink,
      write: async (batch) => await this.replace(key, Buffer.concat([...batch])).then(() => sink.write(batch)),
    };
  }
}

class AbortLeavesIt extends MemoryDestination {
  override async put(key: string, attempt: string): Promise<Sink> {
    const sink = await super.put(key, attempt);
    return { ...sink, abort: async () => await this.replace(key, Buffer.from('half')) };
  }
}

class PublishOverwrites extends MemoryDestination {
  protected override claim(key: string, bytes: Buffer): void {
    this.store.objects.set(key, { bytes, modified: new Date() });
  }
}

class LooksThenWrites extends MemoryDestination {
  override async write(key: string, bytes: Uint8Array): Promise<void> {
    this.checkKey(key);
    const there = await this.stat(key);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (there) await super.write(key, bytes);
    else await this.replace(key, bytes);
  }
}

class LosesTheTail extends MemoryDestination {
  override async put(key: string, attempt: string): Promise<Sink> {
    const sink = await super.put(key, attempt);
    return { ...sink, write: async (batch) => await sink.write(batch.slice(0, 1000)) };
  }
}

class ListsOnePage extends MemoryDestination {
  override async *list(prefix: string): AsyncGenerator<StoredObject[]> {
    for await (const batch of super.list(prefix)) {
      yield batch;
      return;
    }
  }
}

class ListsWhatItCan extends MemoryDestination {
  override async *list(prefix: string) {
    try {
      yield* super.list(prefix);
    } catch {}
  }
}

class ListsFolders extends MemoryDestination {
  override async *list(prefix: string) {
    yield* super.list(prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`);
  }
}

class IgnoresRanges extends MemoryDestination {
  override async get(key: string): Promise<Readable> {
    return await super.get(key);
  }
}

class MissingIsEmpty extends MemoryDestination {
  override async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    return (await this.stat(key)) ? await super.get(key, range) : Readable.from([]);
  }
}

class ReadsWithoutLimit extends MemoryDestination {
  override async read(key: string): Promise<Uint8Array> {
    return await super.read(key, Number.MAX_SAFE_INTEGER);
  }
}

class LetsKeysClimb extends MemoryDestination {
  protected override checkKey(): void {}
}

class ForgetsAttempts extends MemoryDestination {
  override async removeAttempt(key: string): Promise<void> {
    this.checkKey(key);
  }
}

class RemovesByPrefix extends MemoryDestination {
  override async remove(key: string): Promise<void> {
    this.checkKey(key);
    for (const name of this.store.objects.keys()) if (name.startsWith(key)) this.store.objects.delete(name);
  }
}

const broken: Driver[] = [
  PublishesAtOnce,
  AbortLeavesIt,
  PublishOverwrites,
  LooksThenWrites,
  LosesTheTail,
  ListsOnePage,
  ListsWhatItCan,
  ListsFolders,
  IgnoresRanges,
  MissingIsEmpty,
  ReadsWithoutLimit,
  LetsKeysClimb,
  ForgetsAttempts,
  RemovesByPrefix,
];

function benchOf(driver: Driver) {
  return async (): Promise<Bench> => {
    const store = emptyStore();
    const breakListing = async (folder: string) => {
      store.broken = folder;
      return async () => {
        store.broken = null;
      };
    };
    return { open: async () => new driver('memory', store), breakListing, end: async () => {} };
  };
}

async function failures(driver: Driver): Promise<string[]> {
  const failed = await Promise.all(
    checks.map(
      async ({ name, run }: Check) =>
        await run(benchOf(driver)).then(
          () => null,
          () => name,
        ),
    ),
  );
  return failed.filter((name) => name !== null);
}

describe('the contract of destinations', () => {
  it('is kept by a right driver', async () => {
    expect(await failures(MemoryDestination)).toEqual([]);
  });

  it.each(broken.map((driver) => [driver.name, driver] as const))('is broken by %s', async (_, driver) => {
    expect(await failures(driver)).not.toEqual([]);
  });
});
