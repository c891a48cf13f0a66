/**
 * A store whose history nobody may destroy, with the plan's own keys neither: in a bucket that keeps versions, the oldest version
 * of what is written once is read, and delete markers hide nothing. Where the keys may not delete (`append-only`), what has
 * done its work is emptied instead, and an empty lease or journal is taken as none.
 */
import type { Readable } from 'node:stream';
import {
  type Destination,
  KeyMissing,
  MayNotDelete,
  type Placement,
  type Sink,
  type StoredObject,
} from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import { headOf, storedAs } from './head.ts';
import type { Keeping } from './keeping.ts';
import { backupOf, lockOf, readLock } from './lock.ts';
import { namePrefix } from './place.ts';
import { type ReadPlace, readStream, readWhole } from './read.ts';
import { put } from './small.ts';
import { S3Store, type StoreOptions } from './store.ts';
import { thaw } from './thaw.ts';
import { countsNewest, isPassing, keepsVersions, listTrue, removeVersions, trueVersion } from './versions.ts';

export type Guard = {
  /** Whether the plan locks what it writes: then the bucket must keep versions. */
  locks: boolean;
  /** Whether these keys may delete. */
  deletes: boolean;
  /** Whether they are those that may, at a store where others may not. */
  sweeps: boolean;
};

export class LockStore extends S3Store {
  private versioned: Promise<boolean> | null = null;
  /** Of the backups that this process writes: what comes beside their artifacts is kept as long. */
  private readonly placements = new Map<string, Placement>();

  constructor(
    client: Client,
    keeping: Keeping,
    options: StoreOptions,
    private readonly guard: Guard,
  ) {
    super(client, keeping, options);
  }

  /** Whether old versions are read. Where nobody may ask, a plan that locks relies on them all the same. */
  isDeep(): Promise<boolean> {
    this.versioned ??= keepsVersions(this.client).then((answer) => answer ?? this.guard.locks);
    this.versioned.catch(() => {
      this.versioned = null;
    });
    return this.versioned;
  }

  override async versionOf(key: string): Promise<string | undefined> {
    return (await this.found(key))?.version;
  }

  override async copy(from: Destination, key: string, attempt: string, placement?: Placement): Promise<Sink | null> {
    this.remember(key, placement);
    return await super.copy(from, key, attempt, placement);
  }

  override async put(key: string, attempt: string, placement?: Placement): Promise<Sink> {
    this.remember(key, placement);
    return await super.put(key, attempt, placement);
  }

  override async write(key: string, bytes: Uint8Array, placement?: Placement): Promise<void> {
    await super.write(key, bytes, placement ?? (await this.placementBeside(key)));
  }

  override async read(key: string, limit: number): Promise<Uint8Array> {
    const bytes = await readWhole(await this.readPlace(key), limit);
    if (bytes.length === 0 && isPassing(key)) throw this.missing(key);
    return bytes;
  }

  override async get(key: string, range: { start: number; end?: number } = { start: 0 }): Promise<Readable> {
    return await readStream(await this.readPlace(key), range);
  }

  override async stat(key: string): Promise<StoredObject | null> {
    const place = await this.found(key);
    const head = place && (await headOf(place.client, place.keeping, place.name, place.version));
    return head && !(isPassing(key) && head.ContentLength === 0) ? storedAs(key, head) : null;
  }

  override async *list(prefix: string): AsyncIterable<StoredObject[]> {
    const { client, options } = this;
    const all = (await this.isDeep())
      ? listTrue(client, namePrefix(client.name, client.prefix, prefix), options.pageSize)
      : super.list(prefix);
    for await (const batch of all) {
      const there = batch.filter(({ key, size }) => size > 0 || !isPassing(key));
      if (there.length > 0) yield there;
    }
  }

  override async remove(key: string): Promise<void> {
    const place = this.at(key);
    if (!this.guard.deletes) {
      if ((await this.stat(key)) === null) return;
      if (isPassing(key)) return await put(place, new Uint8Array(), {}, 'empty');
      throw new MayNotDelete(
        `Destination ${this.name}: ${this.client.where(place.name)} stays, since \`append-only\` leaves deleting to \`runner prune\`.`,
      );
    }
    if (!(await this.isDeep())) return await super.remove(key);
    const locked = await this.locked(key);
    if (locked !== null)
      throw new RunnerError(`Destination ${this.name}: ${this.client.where(place.name)} is ${locked}.`);
    try {
      await removeVersions(this.client, place.name);
    } catch (error) {
      // A lock that the bucket sets by itself, or a right that is missing: a delete marker hides it as well.
      const isRefused = error instanceof S3Fault && !error.transient;
      if (!isRefused || !isPassing(key)) throw error;
      await super.remove(key);
    }
  }

  override async thaw(key: string, days: number): Promise<string> {
    return await thaw(await this.readPlace(key), days);
  }

  async locked(key: string): Promise<string | null> {
    const place = await this.found(key);
    return place && lockOf(await readLock(place), this.client.now());
  }

  /** What was emptied instead of being deleted goes when somebody comes who may delete. */
  async sweep(folder: string): Promise<void> {
    if (!this.guard.sweeps) return;
    for (const kind of ['lease', 'journal', 'probe']) {
      for await (const batch of super.list(`${folder}/.runner/${kind}`))
        for (const { key, size } of batch) if (size === 0 && isPassing(key)) await this.removeEmptied(key);
    }
  }

  private remember(key: string, placement: Placement | undefined): void {
    const backup = backupOf(key);
    if (backup && placement) this.placements.set(backup.id, placement);
  }

  private async removeEmptied(key: string): Promise<void> {
    if (await this.isDeep()) await removeVersions(this.client, this.client.object(key).Key);
    else await super.remove(key);
  }

  private async readPlace(key: string): Promise<ReadPlace> {
    const place = await this.found(key);
    if (place === null) throw this.missing(key);
    return place;
  }

  /** The version that counts; null where there is none. */
  private async found(key: string): Promise<ReadPlace | null> {
    const place = this.at(key);
    if (countsNewest(key) || !(await this.isDeep())) return place;
    const version = await trueVersion(this.client, key);
    return version === null ? null : { ...place, version };
  }

  private missing(key: string): KeyMissing {
    return new KeyMissing(`${this.client.object(key).Key} is not at ${this.name}.`);
  }

  /** Manifest, signature and records are kept as long as the artifact beside them. */
  private async placementBeside(key: string): Promise<Placement | undefined> {
    const backup = this.guard.locks ? backupOf(key) : null;
    if (backup === null) return undefined;
    const known = this.placements.get(backup.id);
    if (known) return known;
    const place = await this.found(`${backup.folder}${backup.id}.manifest.json`);
    const lock = place && (await readLock(place));
    return lock ? { expected: null, tier: 'recent', keptUntil: lock.ObjectLockRetainUntilDate ?? null } : undefined;
  }
}
