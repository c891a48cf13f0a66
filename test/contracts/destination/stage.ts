/** What a check of the suite stands on: a bench that a kind brings, two handles, and a few words to say things with. */
import assert from 'node:assert/strict';
import { type Destination, KeyExists, KeyMissing } from '../../../src/destination.ts';
import type { Fault } from '../../fakes/fault-proxy.ts';

/** A fresh, empty prefix, and what else a test of this kind can arrange. What is absent is not tried. */
export type Bench = {
  /** A handle on that prefix; two of them are two hosts. */
  open(): Promise<Destination>;
  /** Makes the listing of a folder (it exists) fail in the middle; absent where a test cannot. Returns the way back. */
  breakListing?(folder: string): Promise<() => Promise<void>>;
  /** How many objects the check of listings writes; default 2,300, fewer for a store that takes a second for each. */
  objects?: number;
  /** How many keys are filled in and listed again: 25,000 once for each kind; default 0, and with PROOF=full 25,000 where `fill` is. */
  many?: number;
  /** Puts a four-byte object at each key, however it is done fastest. */
  fill?(keys: readonly string[]): Promise<void>;
  /** A handle that reads its listings by so many keys a page. */
  openPaged?(keysAPage: number): Promise<Destination>;
  /** The keys that this store cannot hold: it must refuse them with a sentence, and never mangle them. */
  refuses?(key: string): boolean;
  /** Opens a handle whose rights at the store lack this one; called when everything that the check needs is written. */
  denied?: Partial<Record<Right, () => Promise<Destination>>>;
  network?: Network;
  /** It cannot exchange a file at once: who reads meanwhile may see a part of it, as its page says. */
  replacesInPlace?: true;
  /** A handle on the store while its clock differs by so many seconds. */
  skewed?(seconds: number): Promise<Destination>;
  end(): Promise<void>;
};

export type Right = 'write' | 'read' | 'list' | 'remove';

/** The same prefix through a bad line (`test/fakes/fault-proxy.ts`). */
export type Network = {
  /** A handle whose every connection passes there. */
  open(): Promise<Destination>;
  /** Sets the fault of the line; null mends it and ends what hangs. */
  set(fault: Fault | null): void;
  /** The store answers the next requests with 503 or 429. */
  storm?(answers: number): void;
  /** Milliseconds after which the driver must have given up a line that says nothing. */
  patience: number;
};

export type BenchFactory = () => Promise<Bench>;
/** What a check returns that needs something its bench does not arrange. */
export const untried = Symbol('untried');
export type Tried = typeof untried | undefined;

export type Check = { name: string; run(factory: BenchFactory): Promise<Tried> };
export type Stage = { bench: Bench; destination: Destination; other: Destination };

export function check(name: string, body: (stage: Stage) => Promise<unknown>): Check {
  const run = async (factory: BenchFactory): Promise<Tried> => {
    const bench = await factory();
    const [destination, other] = [await bench.open(), await bench.open()];
    let tried: Tried;
    try {
      tried = (await body({ bench, destination, other })) === untried ? untried : undefined;
    } catch (error) {
      // What it left under way may also disturb the end; what went wrong first is told.
      await end().catch(() => {});
      throw error;
    }
    await end();
    return tried;

    async function end(): Promise<void> {
      await Promise.all([destination.close(), other.close()]);
      await bench.end();
    }
  };
  return { name, run };
}

/** Puts one object in batches, as a capture does. */
export async function store(
  destination: Destination,
  key: string,
  bytes: Uint8Array,
  attempt = 'attempt',
): Promise<void> {
  const sink = await destination.put(key, attempt);
  try {
    for (let start = 0; start < bytes.length; start += 1_000_000) {
      const batch = bytes.subarray(start, start + 1_000_000);
      await sink.write([batch.subarray(0, 65_536), batch.subarray(65_536)]);
    }
    assert.equal((await sink.prepare()).size, bytes.length);
    await sink.publish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

export async function collect(
  destination: Destination,
  key: string,
  range?: { start: number; end?: number },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await destination.get(key, range)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function keys(destination: Destination, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of destination.list(prefix)) found.push(...batch.map(({ key }) => key));
  return found.sort();
}

export async function assertAbsent(destination: Destination, key: string): Promise<void> {
  assert.equal(await destination.stat(key), null, `${key} is visible`);
  assert.ok(!(await keys(destination, '')).includes(key), `${key} is listed`);
}

/** A fault is told as a sentence, never as one of the answers that mean something else. */
export function isTold(error: Error): boolean {
  return /^[A-Z].* .*[.!?]$/s.test(error.message) && !(error instanceof KeyExists || error instanceof KeyMissing);
}

/** Waits for all of them, and then rejects with the first fault: what still went on would disturb whoever cleans up. */
export async function allOf(promises: Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}

/** Rejects when it takes longer: what hangs is a failure, not a test that never ends. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => {});
  }
}
