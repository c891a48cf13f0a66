/** Objects below the root of a store, as the rclone that stays tells of them and moves them. Keys are taken as they are. */
import { KeyMissing } from '../../destination.ts';
import type { Client } from './client.ts';
import { chosenHash, type HashKind } from './digest.ts';
import { Fault, isFolderMissing, isMissing } from './faults.ts';
import { temporaryFolder } from './keys.ts';
import { type Attend, attending } from './silence.ts';

export type Found = { key: string; size: number; modified: Date; class?: string; hash?: string };

/** What the store can do, asked once. */
export type Abilities = {
  /** An object is seen whole or not at all; there are no folders. */
  buckets: boolean;
  /** How an object gets another name without its bytes passing through here; null where it cannot. */
  renames: 'move' | 'copy' | null;
  tellsFree: boolean;
  hash: HashKind | null;
};

/** An entry of `operations/list` and `operations/stat`. */
type Item = { Path: string; Size: number; ModTime: string; Tier?: string; Hashes?: Record<string, string> };

const brief = { filesOnly: true, noMimeType: true };

/** Seconds between two questions to a store that is at work. */
const pause = 30;

export class Objects {
  private listings = 0;
  /** Waits for what may take long, as long as the store answers something small. */
  readonly attend: Attend;

  constructor(
    private readonly client: Client,
    private readonly root: string,
    private readonly mustExist: boolean,
    patience: number,
  ) {
    this.attend = attending(() => this.stat(`${temporaryFolder}none`), Math.min(pause, patience));
  }

  async abilities(): Promise<Abilities> {
    const info = (await this.client.call('operations/fsinfo', { fs: this.root })) as {
      Features: Record<string, boolean>;
      Hashes?: string[] | null;
    };
    const { BucketBased = false, Move = false, Copy = false, About = false } = info.Features;
    // Before it moves, rclone deletes what is in the way; a copy in a bucket replaces it in one step.
    const renames = Copy && BucketBased ? 'copy' : Move ? 'move' : Copy ? 'copy' : null;
    return { buckets: BucketBased, renames, tellsFree: About, hash: chosenHash(info.Hashes ?? []) };
  }

  /** Null where no object is there. */
  async stat(key: string, hash: HashKind | null = null): Promise<Found | null> {
    const opt = { ...brief, ...(hash === null ? {} : { showHash: true, hashTypes: [hash] }) };
    try {
      const question = { fs: this.root, remote: key, opt };
      const ask = (signal?: AbortSignal) => this.client.call('operations/stat', question, signal);
      // Some read the whole object for its hash.
      const { item } = await (hash === null ? ask() : this.attend(ask));
      return item ? foundOf(item as Item, hash) : null;
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** Everything below a folder (`''`: the root), whole. A folder that is not there has nothing below it. */
  async list(folder: string): Promise<Found[]> {
    try {
      return await this.listed(folder);
    } catch (error) {
      if (isFolderMissing(error) && (await this.isAbsent(folder))) return [];
      throw error;
    }
  }

  /** Rejects unless the root can be listed: a bucket that is not there is told by that. */
  async top(): Promise<void> {
    try {
      await this.client.call('operations/list', { fs: this.root, remote: '', opt: { noMimeType: true } });
    } catch (error) {
      throw isFolderMissing(error) ? new Fault('NoSuchBucket: directory not found') : error;
    }
  }

  /** rclone goes on after a folder that it may not read, and only counts the fault. */
  private async listed(folder: string): Promise<Found[]> {
    const group = `list-${++this.listings}`;
    try {
      const question = { fs: this.root, remote: folder, opt: { ...brief, recurse: true }, _group: group };
      const { list } = await this.attend((signal) => this.client.call('operations/list', question, signal));
      const { errors, lastError } = await this.client.call('core/stats', { group });
      if (errors) throw new Fault(`a part of the listing is missing: ${lastError}`);
      return (list as Item[]).map((item) => foundOf(item, null));
    } finally {
      await this.client.call('core/stats-delete', { group }).catch(() => {});
    }
  }

  /** It may have been another folder, further down, that vanished while it was read. */
  private async isAbsent(folder: string): Promise<boolean> {
    if (this.mustExist) await this.top();
    try {
      await this.client.call('operations/list', { fs: this.root, remote: folder, opt: { noMimeType: true } });
      return false;
    } catch (error) {
      if (isFolderMissing(error)) return true;
      throw error;
    }
  }

  /** At most `limit` bytes, else null. */
  async read(key: string, limit: number): Promise<Buffer | null> {
    try {
      return await this.client.download(this.root, key, limit);
    } catch (error) {
      throw isMissing(error) ? new KeyMissing(`${key} is not there.`) : error;
    }
  }

  /**
   * Replaces what is there. Rclone looks at what it has written, and deletes it where it is something else: by then it may be
   * another writer's. `unseen` leaves that to the caller, who reads it.
   */
  async write(key: string, bytes: Uint8Array, unseen = false): Promise<void> {
    const slash = key.lastIndexOf('/');
    const config = unseen ? { IgnoreChecksum: true, IgnoreSize: true } : {};
    await this.client.upload(this.root, key.slice(0, Math.max(slash, 0)), key.slice(slash + 1), bytes, config);
  }

  async rename(from: string, to: string, by: 'move' | 'copy'): Promise<void> {
    const places = { srcFs: this.root, srcRemote: from, dstFs: this.root, dstRemote: to };
    await this.attend((signal) => this.client.call(`operations/${by}file`, places, signal));
    if (by === 'copy') await this.remove(from);
  }

  async remove(key: string): Promise<void> {
    try {
      await this.client.call('operations/deletefile', { fs: this.root, remote: key });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async free(): Promise<number | null> {
    const { free } = await this.client.call('operations/about', { fs: this.root });
    return typeof free === 'number' ? free : null;
  }
}

function foundOf({ Path, Size, ModTime, Tier, Hashes }: Item, hash: HashKind | null): Found {
  const sum = hash === null ? undefined : Hashes?.[hash];
  return {
    key: Path,
    size: Size,
    modified: new Date(ModTime),
    ...(Tier ? { class: Tier } : {}),
    ...(sum ? { hash: sum } : {}),
  };
}
