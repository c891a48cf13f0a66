/** Drivers that write wrongly, each in one way. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Placement, Sink } from '../../../src/destination.ts';
import { MemoryDestination } from '../destination-memory.ts';
import type { Driver } from './memory-bench.ts';

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
    const half = { bytes: Buffer.from('half'), modified: new Date() };
    return { ...sink, abort: async () => void this.store.objects.set(key, half) };
  }
}

class AbortsNothing extends MemoryDestination {
  override async put(key: string, attempt: string): Promise<Sink> {
    return { ...(await super.put(key, attempt)), abort: async () => {} };
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
    await sleep(5);
    if (there) await super.write(key, bytes);
    else await this.replace(key, bytes);
  }
}

class WritesTheWholeShelf extends MemoryDestination {
  override async write(key: string, bytes: Uint8Array): Promise<void> {
    const before = new Map(this.store.objects);
    await sleep(1);
    await super.write(key, bytes);
    this.store.objects = before.set(key, { bytes: Buffer.from(bytes), modified: new Date() });
  }
}

class LosesTheTail extends MemoryDestination {
  override async put(key: string, attempt: string): Promise<Sink> {
    const sink = await super.put(key, attempt);
    return { ...sink, write: async (batch) => await sink.write(batch.slice(0, 1000)) };
  }
}

class LosesLargeTails extends MemoryDestination {
  protected override claim(key: string, bytes: Buffer): void {
    super.claim(key, bytes.subarray(0, 1_000_000));
  }
}

class ForgetsEmptyOnes extends MemoryDestination {
  protected override claim(key: string, bytes: Buffer): void {
    if (bytes.length > 0) super.claim(key, bytes);
  }
}

class KeepsTheMemory extends MemoryDestination {
  override async put(key: string, attempt: string): Promise<Sink> {
    const sink = await super.put(key, attempt);
    const held = this.store.parts.get(`${key}\n${attempt}`)!;
    return { ...sink, write: async (batch) => void held.push(...(batch as Buffer[])) };
  }
}

class TrustsWhatWasExpected extends MemoryDestination {
  override async put(key: string, attempt: string, placement?: Placement): Promise<Sink> {
    const sink = await super.put(key, attempt);
    let room = placement?.expected ?? Number.POSITIVE_INFINITY;
    const write = async (batch: readonly Uint8Array[]) => {
      const fitting = Buffer.concat([...batch]).subarray(0, room);
      room -= fitting.length;
      await sink.write([fitting]);
    };
    return { ...sink, write };
  }
}

class NamesPartsByAttempt extends MemoryDestination {
  private readonly shared = new Map<string, Sink>();

  override async put(key: string, attempt: string): Promise<Sink> {
    const sink = this.shared.get(attempt) ?? (await super.put(key, attempt));
    this.shared.set(attempt, sink);
    return sink;
  }
}

class ReplacesInSteps extends MemoryDestination {
  override async replace(key: string, bytes: Uint8Array): Promise<void> {
    await super.replace(key, Buffer.alloc(0));
    await sleep(1);
    await super.replace(key, bytes);
  }
}

class ReplacesOnce extends MemoryDestination {
  override async replace(key: string, bytes: Uint8Array): Promise<void> {
    if (!this.store.objects.has(key)) await super.replace(key, bytes);
  }
}

class LetsKeysClimb extends MemoryDestination {
  protected override checkKey(): void {}
}

class Mangles extends MemoryDestination {
  protected override claim(key: string, bytes: Buffer): void {
    super.claim(key.replace(/[^ -~]/g, '_'), bytes);
  }
}

class FoldsCases extends MemoryDestination {
  protected override claim(key: string, bytes: Buffer): void {
    this.store.objects.set(key.toLowerCase(), { bytes, modified: new Date() });
  }
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

class RemovesInVain extends MemoryDestination {
  override async remove(key: string): Promise<void> {
    await super.remove(key).catch(() => {});
  }
}

class WritesInVain extends MemoryDestination {
  override async replace(key: string, bytes: Uint8Array): Promise<void> {
    await super.replace(key, bytes).catch(() => {});
  }
}

export const brokenWriters: Driver[] = [
  PublishesAtOnce,
  AbortLeavesIt,
  AbortsNothing,
  PublishOverwrites,
  LooksThenWrites,
  WritesTheWholeShelf,
  LosesTheTail,
  LosesLargeTails,
  ForgetsEmptyOnes,
  KeepsTheMemory,
  TrustsWhatWasExpected,
  NamesPartsByAttempt,
  ReplacesInSteps,
  ReplacesOnce,
  LetsKeysClimb,
  Mangles,
  FoldsCases,
  ForgetsAttempts,
  RemovesByPrefix,
  RemovesInVain,
  WritesInVain,
];
