/** The runtime of a local destination. */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { type Destination, KeyExists, KeyMissing, type Sink, type StoredObject } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { partOf, smallAttempt } from '../file-names.ts';
import { checkPrefix, holdsExactly } from '../keys.ts';
import { makeDirectory, syncDirectory } from './directories.ts';
import { errorCode, explained } from './faults.ts';
import { checkInside, type Place, pathOf } from './place.ts';
import { openSink, removeIfThere } from './sink.ts';
import { sweepSmall } from './sweep.ts';
import { walk } from './walk.ts';

export type LocalOptions = { root: string; mountRequired: boolean; fileMode: number; directoryMode: number };

/** Opens the folder; it is made at the first write. Modes are numbers (0o600). */
export function openLocal(name: string, o: LocalOptions): Destination {
  return new LocalStore(
    { name, root: o.root.length > 1 ? o.root.replace(/\/+$/, '') : o.root, mountRequired: o.mountRequired },
    o,
  );
}

class LocalStore implements Destination {
  readonly name: string;

  constructor(
    private readonly place: Place,
    private readonly modes: { fileMode: number; directoryMode: number },
  ) {
    this.name = place.name;
  }

  async put(key: string, attempt: string): Promise<Sink> {
    const path = pathOf(this.place, key);
    return await this.told('create', path, async () => {
      await this.makeRoom(path);
      return await openSink(this.name, path, attempt, this.modes.fileMode);
    });
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    const sink = await this.put(key, smallAttempt());
    try {
      await sink.write([bytes]);
      await sink.prepare();
      await sink.publish();
    } catch (error) {
      await sink.abort();
      if (!(error instanceof KeyExists) || !(await holdsExactly(this, key, bytes))) throw error;
    }
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    const path = pathOf(this.place, key);
    const attempt = smallAttempt();
    const sink = await this.put(key, attempt);
    try {
      await sink.write([bytes]);
      await sink.prepare();
      await this.told('replace', path, async () => {
        await rename(partOf(path, attempt), path);
        await syncDirectory(dirname(path));
      });
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    const { path, file } = await this.opened(key);
    return await this.told('read', path, async () => {
      try {
        const { size } = await file.stat();
        if (size > limit)
          throw new RunnerError(`${path} at ${this.name} is ${size} bytes long; at most ${limit} are read.`);
        const bytes = Buffer.alloc(size);
        let filled = 0;
        while (filled < size) {
          const { bytesRead } = await file.read(bytes, filled, size - filled, filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      } finally {
        await file.close();
      }
    });
  }

  async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    const { path, file } = await this.opened(key);
    if (range && range.end !== undefined && range.end < range.start) {
      await file.close();
      return Readable.from([]);
    }
    const stream = file.createReadStream({ highWaterMark: 1024 * 1024, ...range });
    // The reader of the stream gets the same sentence as everybody else.
    const destroy = stream.destroy.bind(stream);
    stream.destroy = (error) => destroy(error && explained(error, this.name, 'read', path));
    return stream;
  }

  async stat(key: string): Promise<StoredObject | null> {
    const path = pathOf(this.place, key);
    return await this.told('look at', path, async () => {
      await checkInside(this.place, path);
      try {
        const found = await lstat(path);
        return found.isFile() ? { key, size: found.size, modified: found.mtime } : null;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    });
  }

  async *list(prefix: string): AsyncIterable<StoredObject[]> {
    checkPrefix(this.name, prefix);
    await this.told('list', join(this.place.root, prefix), () =>
      checkInside(this.place, join(this.place.root, prefix)),
    );
    yield* walk(this.place, prefix);
  }

  async remove(key: string): Promise<void> {
    await this.unlinkInside(pathOf(this.place, key));
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    await this.unlinkInside(partOf(pathOf(this.place, key), attempt));
  }

  async sweep(folder: string): Promise<void> {
    const path = pathOf(this.place, folder);
    await this.told('sweep', path, async () => {
      await checkInside(this.place, path);
      await sweepSmall(path, new Date((await this.clock()).getTime() - 3_600_000));
    });
  }

  async free(): Promise<number | null> {
    return await this.told('ask the free space of', this.place.root, async () => {
      await checkInside(this.place, this.place.root);
      for (let at = this.place.root; ; at = dirname(at)) {
        try {
          const { bavail, bsize } = await statfs(at);
          return bavail * bsize;
        } catch (error) {
          if (errorCode(error) !== 'ENOENT' || at === '/') throw error;
        }
      }
    });
  }

  /** The time that the file system gives a new file; where none may be made, this machine's. */
  async clock(): Promise<Date> {
    try {
      // A file without a name where the kernel knows it (O_TMPFILE): nothing can stay behind.
      const file = await open(this.place.root, constants.O_WRONLY | unnamed, 0o600);
      try {
        return (await file.stat()).mtime;
      } finally {
        await file.close();
      }
    } catch {
      return new Date();
    }
  }

  async close(): Promise<void> {}

  private async makeRoom(path: string): Promise<void> {
    await checkInside(this.place, path);
    // Folders above the configured one are made as the system makes them; those below have the modes of the plan.
    await makeDirectory(dirname(this.place.root), null);
    await makeDirectory(dirname(path), this.modes.directoryMode);
  }

  private async opened(key: string): Promise<{ path: string; file: FileHandle }> {
    const path = pathOf(this.place, key);
    return await this.told('read', path, async () => {
      await checkInside(this.place, path);
      try {
        const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        if ((await file.stat()).isFile()) return { path, file };
        await file.close();
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      throw new KeyMissing(`${key} is not at ${this.name}.`);
    });
  }

  private async unlinkInside(path: string): Promise<void> {
    await this.told('remove', path, async () => {
      await checkInside(this.place, dirname(path));
      await removeIfThere(path);
    });
  }

  private async told<T>(doing: string, path: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof KeyExists || error instanceof KeyMissing) throw error;
      throw explained(error, this.name, doing, path);
    }
  }
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
}

/** Linux's O_TMPFILE with the O_DIRECTORY that it implies; elsewhere an open of a folder for writing, which fails. */
const unnamed = process.platform === 'linux' ? 0o20000000 | constants.O_DIRECTORY : 0;
