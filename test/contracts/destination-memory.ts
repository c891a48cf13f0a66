/** A destination in memory that keeps the contract: what broken drivers are made of, and quick shelves for unit tests. */
import { Readable } from 'node:stream';
import { type Destination, KeyExists, KeyMissing, type Placement, type Sink } from '../../src/destination.ts';
import type { MemoryLine } from './destination/memory-line.ts';
import type { Right } from './destination/stage.ts';

export type MemoryStore = {
  objects: Map<string, { bytes: Buffer; modified: Date }>;
  parts: Map<string, Buffer[]>;
  broken: string | null;
  /** Seconds by which its clock is ahead. */
  ahead: number;
};

export const emptyStore = (): MemoryStore => ({ objects: new Map(), parts: new Map(), broken: null, ahead: 0 });

/** How a handle reaches the store: what it may not do there, how long its pages are, and the line between. */
export type Way = { denied?: Right; page?: number; line?: MemoryLine };

export class MemoryDestination implements Destination {
  constructor(
    readonly name: string,
    readonly store: MemoryStore = emptyStore(),
    readonly way: Way = {},
  ) {}

  async put(key: string, attempt: string, _placement?: Placement): Promise<Sink> {
    this.checkKey(key);
    await this.asked('write');
    const part = `${key}\n${attempt}`;
    const { parts } = this.store;
    parts.set(part, []);
    const held = () => parts.get(part) ?? fail(`The attempt ${attempt} is gone.`);
    return {
      write: async (batch) => {
        for (const bytes of batch) await this.way.line?.sent(bytes.length);
        held().push(...batch.map((bytes) => Buffer.from(bytes)));
      },
      prepare: async () => ({ size: Buffer.concat(held()).length }),
      publish: async () => {
        this.claim(key, Buffer.concat(held()));
        parts.delete(part);
      },
      abort: async () => void parts.delete(part),
    };
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    this.checkKey(key);
    await this.asked('write');
    const there = this.store.objects.get(key);
    if (!there?.bytes.equals(bytes)) this.claim(key, Buffer.from(bytes));
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    this.checkKey(key);
    await this.asked('write');
    this.store.objects.set(key, { bytes: Buffer.from(bytes), modified: new Date() });
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    this.checkKey(key);
    await this.asked('read');
    const { bytes } = this.found(key);
    if (bytes.length > limit) throw new Error(`${key} is larger than ${limit}`);
    const passed = (await this.way.line?.received(bytes)) ?? Buffer.from(bytes);
    return passed.length === bytes.length ? passed : fail(`Only a part of ${key} came from ${this.name}.`);
  }

  async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    this.checkKey(key);
    await this.asked('read');
    const { bytes } = this.found(key);
    const wanted = range ? bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1) : bytes;
    const passed = (await this.way.line?.received(wanted)) ?? wanted;
    return this.stream(passed, passed.length === wanted.length);
  }

  async stat(key: string) {
    this.checkKey(key);
    await this.asked();
    const there = this.store.objects.get(key);
    return there ? { key, size: there.bytes.length, modified: there.modified } : null;
  }

  async *list(prefix: string) {
    if (/^\/|(^|\/)\.\.(\/|$)/.test(prefix)) fail(`refused: ${prefix}`);
    await this.asked('list');
    const all = [...this.store.objects].filter(([key]) => key.startsWith(prefix)).sort();
    const { page = 1000 } = this.way;
    for (let start = 0; start < all.length; start += page) {
      const batch = all.slice(start, start + page);
      const { broken } = this.store;
      if (broken !== null && batch.some(([key]) => key.startsWith(`${broken}/`))) fail('the listing broke');
      yield batch.map(([key, { bytes, modified }]) => ({ key, size: bytes.length, modified }));
    }
  }

  async remove(key: string): Promise<void> {
    this.checkKey(key);
    await this.asked('remove');
    this.store.objects.delete(key);
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    this.checkKey(key);
    this.store.parts.delete(`${key}\n${attempt}`);
  }

  async free(): Promise<number | null> {
    return null;
  }

  async clock(): Promise<Date> {
    return new Date(Date.now() + this.store.ahead * 1000);
  }

  async close(): Promise<void> {}

  /** Every question passes here: the line may be cut, and the store may say no. */
  protected async asked(right?: Right): Promise<void> {
    await this.way.line?.answered();
    if (right !== undefined && right === this.way.denied) fail(`Destination ${this.name}: you may not ${right} there.`);
  }

  protected stream(bytes: Buffer, whole: boolean): Readable {
    const cut = () => fail(`The line to ${this.name} was cut.`);
    return Readable.from(
      (function* () {
        if (bytes.length > 0) yield bytes;
        if (!whole) cut();
      })(),
      { objectMode: false },
    );
  }

  protected checkKey(key: string): void {
    if (key.includes('\0') || key.split('/').some((part) => part === '' || part === '.' || part === '..'))
      fail(`refused: ${key}`);
  }

  protected found(key: string) {
    const there = this.store.objects.get(key);
    if (there) return there;
    throw new KeyMissing(key);
  }

  protected claim(key: string, bytes: Buffer): void {
    if (this.store.objects.has(key)) throw new KeyExists(key);
    this.store.objects.set(key, { bytes, modified: new Date() });
  }
}

function fail(message: string): never {
  throw new Error(message);
}
