/** Drivers that read and list wrongly, and lines that are handled wrongly, each in one way. */
import { Readable } from 'node:stream';
import { KeyMissing, type StoredObject } from '../../../src/destination.ts';
import { MemoryDestination } from '../destination-memory.ts';
import type { Driver } from './memory-bench.ts';
import { MemoryLine } from './memory-line.ts';

type Range = { start: number; end?: number };

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

class ListsByPattern extends MemoryDestination {
  override async *list(prefix: string) {
    const pattern = new RegExp(`^${prefix.replaceAll('*', '.*').replaceAll('+', '\\+').replaceAll('{', '\\{')}`);
    for await (const batch of super.list('')) yield batch.filter(({ key }) => pattern.test(key));
  }
}

class ListsOneAtATime extends MemoryDestination {
  private busy = false;

  override async *list(prefix: string) {
    if (this.busy) throw new Error('another listing is open');
    this.busy = true;
    yield* super.list(prefix);
    this.busy = false;
  }
}

class IgnoresRanges extends MemoryDestination {
  override async get(key: string): Promise<Readable> {
    return await super.get(key);
  }
}

class MissingIsEmpty extends MemoryDestination {
  override async get(key: string, range?: Range): Promise<Readable> {
    return (await this.stat(key)) ? await super.get(key, range) : Readable.from([]);
  }
}

class EndsWhereItWasCut extends MemoryDestination {
  protected override stream(bytes: Buffer): Readable {
    return super.stream(bytes, true);
  }
}

class KeepsItsReaders extends MemoryDestination {
  private readers = 0;

  override async get(key: string, range?: Range): Promise<Readable> {
    if (this.readers >= 5) await new Promise(() => {});
    this.readers += 1;
    return (await super.get(key, range)).on('end', () => {
      this.readers -= 1;
    });
  }
}

class ReadsWithoutLimit extends MemoryDestination {
  override async read(key: string): Promise<Uint8Array> {
    return await super.read(key, Number.MAX_SAFE_INTEGER);
  }
}

class DeniedIsMissing extends MemoryDestination {
  override async read(key: string, limit: number): Promise<Uint8Array> {
    return await super.read(key, limit).catch(() => Promise.reject(new KeyMissing(key)));
  }
}

class UsesOurClock extends MemoryDestination {
  override async clock(): Promise<Date> {
    return new Date();
  }
}

class HasNoClock extends MemoryDestination {
  override async clock(): Promise<Date> {
    return new Date(0);
  }
}

class WaitsForEver extends MemoryLine {
  protected override async silence(): Promise<void> {
    await new Promise(() => {});
  }
}

class GivesUpAtOnce extends MemoryLine {
  protected override retries = 0;
}

class IsImpatient extends MemoryLine {
  protected override async slowly(): Promise<void> {
    if (this.fault?.act === 'slow') throw new Error('The line is slow.');
  }
}

export const brokenReaders: Driver[] = [
  ListsOnePage,
  ListsWhatItCan,
  ListsFolders,
  ListsByPattern,
  ListsOneAtATime,
  IgnoresRanges,
  MissingIsEmpty,
  EndsWhereItWasCut,
  KeepsItsReaders,
  ReadsWithoutLimit,
  DeniedIsMissing,
  UsesOurClock,
  HasNoClock,
];

export const brokenLines = [WaitsForEver, GivesUpAtOnce, IsImpatient];
