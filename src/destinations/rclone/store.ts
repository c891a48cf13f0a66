/** The runtime of a destination that rclone reaches. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Archived,
  type Destination,
  KeyExists,
  KeyMissing,
  type Opening,
  type Placement,
  type Sink,
  type StoredObject,
} from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { checkPrefix } from '../keys.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { Cut, explained, Fault } from './faults.ts';
import { checkRcloneKey, isSmallTemporary, markOf, smallAttempt, temporaryFolder, temporaryOf } from './keys.ts';
import { type Abilities, Objects } from './objects.ts';
import { below, environmentOf, type Remote } from './remote.ts';
import { patienceOf } from './silence.ts';
import { RcloneSink } from './sink.ts';
import { download, type Streams, upload } from './streams.ts';

/** Starts rclone and asks what the store can do; rejects with one sentence where that fails. */
export async function openRclone(name: string, remote: Remote, opening: Opening): Promise<Destination> {
  const privateFolder = await mkdtemp(join(opening.environment.TMPDIR ?? tmpdir(), 'runner-rclone-'));
  const configFile = remote.config === undefined ? null : join(privateFolder, 'rclone.conf');
  if (configFile) await writeFile(configFile, remote.config!, { mode: 0o600, flag: 'wx' });
  // An rclone that is killed leaves what it had to store here first, as large as the backup: it goes with the folder.
  const environment = { ...environmentOf(remote, configFile, opening.environment), TMPDIR: privateFolder };
  let daemon: Daemon | null = null;
  try {
    const { flags } = remote;
    const patience = patienceOf(flags);
    daemon = await startDaemon({ environment, flags, privateFolder, patience });
    const objects = new Objects(daemon.client, remote.root, remote.mustExist === true, patience);
    const abilities = await objects.abilities();
    if (remote.mustExist) await objects.top();
    return new RcloneStore(name, remote, { environment, flags, attend: objects.attend }, daemon, objects, abilities);
  } catch (error) {
    await daemon?.close();
    throw explained(error, name, 'open', remote.place);
  }
}

class RcloneStore implements Destination {
  constructor(
    readonly name: string,
    private readonly remote: Remote,
    private readonly streams: Streams,
    private readonly daemon: Daemon,
    private readonly objects: Objects,
    private readonly can: Abilities,
  ) {}

  /** Two writers of one key that look at the same moment both see that it is free. */
  readonly exclusive = false;

  async put(key: string, attempt: string, placement?: Placement): Promise<Sink> {
    checkRcloneKey(this.name, key);
    const temporary = temporaryOf(key, attempt);
    const { hash, renames } = this.can;
    const target = renames ? temporary : key;
    return await this.told('upload', key, async () => {
      if (target === key && (await this.objects.stat(key)))
        throw new KeyExists(`${key} already exists at ${this.name}; nothing is overwritten.`);
      const fitting = this.remote.forUpload?.(placement?.expected ?? null);
      const streams = { ...this.streams, environment: { ...this.streams.environment, ...fitting } };
      const { name, objects } = this;
      const mark = markOf(temporary);
      await objects.write(mark, Buffer.from(`${key}\n`));
      const started = await upload(below(this.remote.root, target), streams);
      return new RcloneSink({ name, objects, key, target, mark, hash, renames, upload: started });
    });
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    checkRcloneKey(this.name, key);
    await this.told('write', key, async () => {
      if (await this.objects.stat(key)) return await this.compare(key, bytes);
      const failed = await this.lay(key, bytes, true).then(
        () => null,
        (error: Error) => error,
      );
      // What came of it is told by what is there, whatever the answer was.
      await this.compare(key, bytes).catch((error) => {
        throw error instanceof KeyExists ? error : (failed ?? error);
      });
    });
  }

  /** Where a half written file could be seen, it is written elsewhere first. */
  private async lay(key: string, bytes: Uint8Array, unseen = false): Promise<void> {
    const { buckets, renames } = this.can;
    if (buckets || !renames) return await this.objects.write(key, bytes, unseen);
    const temporary = temporaryOf(key, smallAttempt());
    await this.objects.write(temporary, bytes);
    await this.objects.rename(temporary, key, renames);
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    checkRcloneKey(this.name, key);
    await this.told('replace', key, () => this.lay(key, bytes));
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    checkRcloneKey(this.name, key);
    return await this.told('read', key, async () => {
      const bytes = await this.steadily(() => this.objects.read(key, limit));
      if (bytes !== null) return bytes;
      throw new RunnerError(`${key} at ${this.name} is longer than the ${limit} bytes that are read of such a file.`);
    });
  }

  async get(key: string, range: { start: number; end?: number } = { start: 0 }): Promise<Readable> {
    checkRcloneKey(this.name, key);
    return await this.told('read', key, async () => {
      const found = await this.objects.stat(key);
      if (found === null) throw new KeyMissing(`${key} is not at ${this.name}.`);
      if (found.class === 'Archive')
        throw new Archived(
          `${key} at ${this.name} is in the tier Archive: it must be brought back before it can be read (rclone settier Hot, then some hours).`,
        );
      const offset = Math.min(range.start, found.size);
      const end = Math.min((range.end ?? Number.POSITIVE_INFINITY) + 1, found.size);
      const count = Math.max(0, end - offset);
      if (count === 0) return Readable.from([]);
      const place = below(this.remote.root, key);
      return await download(place, { offset, count }, this.streams, (fault) =>
        explained(fault, this.name, 'read', key),
      );
    });
  }

  async stat(key: string): Promise<StoredObject | null> {
    checkRcloneKey(this.name, key);
    return await this.told('look at', key, () => this.objects.stat(key));
  }

  async *list(prefix: string): AsyncIterable<StoredObject[]> {
    checkPrefix(this.name, prefix);
    const folder = prefix.slice(0, Math.max(prefix.lastIndexOf('/'), 0));
    const found = await this.told('list', folder || this.remote.place, () => this.objects.list(folder));
    const wanted = found.filter(({ key }) => key.startsWith(prefix) && !key.startsWith(temporaryFolder));
    for (let start = 0; start < wanted.length; start += 1000) yield wanted.slice(start, start + 1000);
  }

  async remove(key: string): Promise<void> {
    checkRcloneKey(this.name, key);
    await this.told('remove', key, () => this.objects.remove(key));
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    checkRcloneKey(this.name, key);
    const temporary = temporaryOf(key, attempt);
    await this.told('remove what is left of', key, async () => {
      await this.objects.remove(markOf(temporary));
      await this.objects.remove(temporary);
    });
  }

  /** Small files on their way lie beside each other, whatever the folder. */
  async sweep(): Promise<void> {
    await this.told('sweep', temporaryFolder, async () => {
      const old = Date.now() - 3_600_000;
      for (const { key, modified } of await this.objects.list(temporaryFolder.slice(0, -1)))
        if (isSmallTemporary(key) && modified.getTime() < old) await this.objects.remove(key);
    });
  }

  async free(): Promise<number | null> {
    if (!this.can.tellsFree) return null;
    return await this.told('ask the free space of', this.remote.place, () => this.objects.free());
  }

  /** rclone does not tell the time of a store. */
  async clock(): Promise<Date> {
    return new Date();
  }

  async close(): Promise<void> {
    await this.daemon.close();
  }

  /** Throws KeyExists unless exactly these bytes are there. */
  private async compare(key: string, bytes: Uint8Array): Promise<void> {
    const there = await this.steadily(() => this.objects.read(key, bytes.length), true);
    if (!there?.equals(bytes))
      throw new KeyExists(`${key} already exists at ${this.name} with other bytes; nothing is overwritten.`);
  }

  /**
   * Reads again what changes while it is read. Where there are no buckets, what is replaced is missing for a moment: rclone
   * deletes it before it moves the other into its place. `there`: it must be there.
   */
  private async steadily<T>(read: () => Promise<T>, there = false): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await read();
      } catch (error) {
        const again = error instanceof KeyMissing ? tries < 2 && (there || !this.can.buckets) : error instanceof Cut;
        if (!again || tries >= 5) throw error;
        await sleep(100);
      }
    }
  }

  private async told<T>(doing: string, what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      throw error instanceof Fault ? explained(error, this.name, doing, what) : error;
    }
  }
}
