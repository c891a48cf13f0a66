/** A destination in memory that keeps the contract: what broken drivers are made of, and quick shelves for unit tests. */
import { Readable } from 'node:stream';
import { type Destination, KeyExists, KeyMissing, type Sink } from '../../src/destination.ts';

export type MemoryStore = {
  objects: Map<string, { bytes: Buffer; modified: Date }>;
  parts: Map<string, Buffer[]>;
  broken: string | null;
};

export const emptyStore = (): MemoryStore => ({ objects: new Map(), parts: new Map(), broken: null });

export class MemoryDestination implements Destination {
  constructor(
    readonly name: string,
    readonly store: MemoryStore = emptyStore(),
  ) {}

  async put(key: string, attempt: string): Promise<Sink> {
    this.checkKey(key);
    const part = `${key}\n${attempt}`;
    const { parts } = this.store;
    parts.set(part, []);
    const held = () => parts.get(part) ?? fail(`the attempt ${attempt} is gone`);
    return {
      write: async (batch) => void held().push(...batch.map((bytes) => Buffer.from(bytes))),
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
    const there = this.store.objects.get(key);
    if (!there?.bytes.equals(bytes)) this.claim(key, Buffer.from(bytes));
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    this.checkKey(key);
    this.store.objects.set(key, { bytes: Buffer.from(bytes), modified: new Date() });
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    const { bytes } = this.found(key);
    if (bytes.length > limit) throw new Error(`${key} is larger than ${limit}`);
    return Buffer.from(bytes);
  }

  async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    const { bytes } = this.found(key);
    return Readable.from([
      range ? bytes.subarray(range.start, range.end === undefined ? undefined : range.end + 1) : bytes,
    ]);
  }

  async stat(key: string) {
    this.checkKey(key);
    const there = this.store.objects.get(key);
    return there ? { key, size: there.bytes.length, modified: there.modified } : null;
  }

  async *list(prefix: string) {
    const all = [...this.store.objects].filter(([key]) => key.startsWith(prefix)).sort();
    for (let start = 0; start < all.length; start += 1000) {
      const batch = all.slice(start, start + 1000);
      const { broken } = this.store;
      if (broken !== null && batch.some(([key]) => key.startsWith(`${broken}/`))) fail('the listing broke');
      yield batch.map(([key, { bytes, modified }]) => ({ key, size: bytes.length, modified }));
    }
  }

  async remove(key: string): Promise<void> {
    this.checkKey(key);
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
    return new Date();
  }

  async close(): Promise<void> {}

  protected checkKey(key: string): void {
    if (key.includes('\0') || key.split('/').some((part) => part === '' || part === '.' || part === '..'))
      fail(`refused: ${key}`);
  }

  protected found(key: string) {
    this.checkKey(key);
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
