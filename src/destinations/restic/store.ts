/** The runtime of a repository: each key is the one file of a snapshot. */
import { statfs } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import {
  type Demands,
  type Destination,
  type Found,
  KeyExists,
  KeyMissing,
  type Sink,
  type StoredObject,
} from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { checkAttempt, checkKey, checkPrefix } from '../keys.ts';
import { dump, type Range } from './dump.ts';
import { examineStore } from './examine.ts';
import { ResticFault } from './faults.ts';
import type { Repository } from './repository.ts';
import { openSink } from './sink.ts';
import { markOf, type Snapshot } from './snapshots.ts';

export type StoreOptions = { prune: boolean; readDataSubset: string | null };

const batchSize = 1000;
/** Milliseconds for which what was just seen needs no second look. */
const glance = 1000;
/** Contents that are kept in memory: a snapshot never changes. */
const keptSize = 1024 * 1024;

export class ResticStore implements Destination {
  readonly name: string;
  /** A sign of life is a snapshot, so it is given less often. */
  readonly beat = 120;
  private checked: Promise<void> | null = null;
  private readonly contents = new Map<string, Uint8Array>();

  constructor(
    private readonly repository: Repository,
    private readonly options: StoreOptions,
  ) {
    this.name = repository.name;
  }

  async put(key: string, attempt: string): Promise<Sink> {
    checkKey(this.name, key);
    checkAttempt(attempt);
    return await openSink(this.repository, key, attempt);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(this.name, key);
    try {
      await this.repository.create(markOf('object', key, { size: bytes.length }), bytes);
    } catch (error) {
      if (!(error instanceof KeyExists)) throw error;
      const there = this.repository.known.object(key);
      if (there?.size !== bytes.length || !Buffer.from(await this.contentOf(there)).equals(bytes)) throw error;
    }
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(this.name, key);
    await this.repository.refresh(glance);
    const before = this.repository.known.of(key, 'object', 'published');
    const generation = Math.max(0, ...before.map((one) => one.generation)) + 1;
    const { id } = await this.repository.add(markOf('object', key, { size: bytes.length, generation }), bytes);
    this.keep(id, Buffer.from(bytes));
    this.repository.forgetLater(before.map((one) => one.id));
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    return await this.found(key, async (object) => {
      if (object.size > limit)
        throw new RunnerError(`${key} at ${this.name} is ${object.size} bytes long; at most ${limit} are read.`);
      return await this.contentOf(object);
    });
  }

  async get(key: string, range?: Range): Promise<Readable> {
    // What has gone meanwhile must be told now, not by the stream.
    await this.repository.refresh(glance);
    return await this.found(key, async (object) => dump(this.repository.program, source(object), range));
  }

  async stat(key: string): Promise<StoredObject | null> {
    checkKey(this.name, key);
    await this.repository.refresh();
    const found = this.repository.known.object(key);
    return found && told(found);
  }

  async *list(prefix: string): AsyncIterable<StoredObject[]> {
    checkPrefix(this.name, prefix);
    await this.repository.refresh();
    const found = [...this.repository.known.objects(prefix)].map(told);
    for (let start = 0; start < found.length; start += batchSize) yield found.slice(start, start + batchSize);
  }

  async remove(key: string): Promise<void> {
    checkKey(this.name, key);
    await this.repository.refresh(glance);
    const found = this.repository.known.of(key, 'object', 'published');
    // The claim before its bytes, should it come to that: a list is worked off from its head.
    await this.repository.forget(found.flatMap(({ id, of }) => (of === null ? [id] : [id, of])));
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    checkKey(this.name, key);
    checkAttempt(attempt);
    await this.repository.refresh();
    const { known } = this.repository;
    const published = new Set(known.of(key, 'published').map(({ of }) => of));
    const data = known.of(key, 'data').filter((one) => one.attempt === attempt);
    const unclaimed = data.filter(({ id }) => !published.has(id));
    if (unclaimed.length > 0) return await this.repository.forget(unclaimed.map(({ id }) => id));
    if (data.length > 0 || known.of(key, 'removed').some((one) => one.attempt === attempt)) return;
    // Its restic may still run somewhere: it finds this before it publishes.
    await this.repository.add(markOf('removed', key, { attempt }), Buffer.from(`${attempt}\n`));
  }

  /** What belongs to attempts that were removed; their own marks go a day later. */
  async sweep(folder: string): Promise<void> {
    checkKey(this.name, folder);
    await this.repository.refresh();
    const { known } = this.repository;
    const ours = [...known.all()].filter(({ key }) => key.startsWith(`${folder}/`));
    const removed = ours.filter(({ role }) => role === 'removed');
    const isRemoved = ({ role, key, attempt }: Snapshot) =>
      role === 'data' && removed.some((one) => one.key === key && one.attempt === attempt);
    const yesterday = Date.now() - 86_400_000;
    const old = removed.filter(({ time }) => time.getTime() < yesterday);
    await this.repository.forget([...ours.filter(isRemoved), ...old].map(({ id }) => id));
  }

  /** Once for each time that it is opened: it reads much. */
  async check(): Promise<void> {
    this.checked ??= this.checkWhole();
    await this.checked;
  }

  private async checkWhole(): Promise<void> {
    const subset = this.options.readDataSubset;
    const words = ['check', '--quiet', ...(subset === null ? [] : [`--read-data-subset=${subset}`])];
    await this.repository.program.run(words, { doing: 'find the repository whole', timeout: 86_400 });
  }

  async examine(demands: Demands): Promise<Found[]> {
    return await examineStore(this, demands);
  }

  async reclaim(): Promise<void> {
    if (this.options.prune) await this.repository.prune();
  }

  async free(): Promise<number | null> {
    if (this.repository.folder === null) return null;
    try {
      const { bavail, bsize } = await statfs(this.repository.folder);
      return bavail * bsize;
    } catch {
      return null;
    }
  }

  /** Restic writes the time of who makes a snapshot. */
  async clock(): Promise<Date> {
    return new Date();
  }

  async close(): Promise<void> {
    await this.repository.close();
  }

  /** What was written once and is known is not looked for again; a snapshot that has gone since says so itself. */
  private async found<T>(key: string, act: (object: Snapshot) => Promise<T>): Promise<T> {
    checkKey(this.name, key);
    const known = this.repository.known.object(key);
    if (known?.generation !== 0) await this.repository.refresh(known ? glance : 0);
    for (let again = false; ; again = true) {
      const object = this.repository.known.object(key);
      if (!object) throw new KeyMissing(`${key} is not at ${this.name}.`);
      try {
        return await act(object);
      } catch (error) {
        if (again || !(error instanceof ResticFault && error.kind === 'gone')) throw error;
        await this.repository.refresh();
      }
    }
  }

  private async contentOf(object: Snapshot): Promise<Uint8Array> {
    const { id, key, size } = source(object);
    if (size === 0) return new Uint8Array();
    const kept = this.contents.get(id);
    if (kept) return kept;
    const words = ['dump', '--no-lock', id, `/${key}`];
    const { stdout } = await this.repository.program.run(words, { doing: `read ${key}` });
    if (stdout.length !== size)
      throw new RunnerError(`Destination ${this.name}: restic gave ${stdout.length} bytes of the ${size} of ${key}.`);
    this.keep(id, stdout);
    return stdout;
  }

  private keep(id: string, bytes: Uint8Array): void {
    if (bytes.length <= keptSize) this.contents.set(id, bytes);
  }
}

/** Where the bytes are. */
function source({ id, of, key, size }: Snapshot): Pick<Snapshot, 'id' | 'key' | 'size'> {
  return { id: of ?? id, key, size };
}

function told({ key, size, time }: Snapshot): StoredObject {
  return { key, size, modified: time };
}
