/** The runtime of an SFTP destination. */
import { dirname, join } from 'node:path/posix';
import { Readable } from 'node:stream';
import { type Destination, KeyExists, KeyMissing, type Sink, type StoredObject } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { isSmallPart, partOf, partPrefix, smallAttempt } from '../file-names.ts';
import { checkPrefix, holdsExactly } from '../keys.ts';
import type { Connection } from './connection.ts';
import { freeSpace, timeOfNew } from './facts.ts';
import { explained, twice } from './faults.ts';
import type { Files, Handle } from './files.ts';
import { makeFolder } from './folders.ts';
import { checkListed, looked, type Place, pathOf } from './place.ts';
import { readAhead } from './reading.ts';
import { Refused } from './session.ts';
import { openSink, type SftpSink } from './sink.ts';
import { type Course, walk } from './walk.ts';
import { type Attributes, isFile, Open, Status } from './wire.ts';

export type Modes = { files: number; directories: number };

export class SftpStore implements Destination {
  readonly name: string;

  constructor(
    private readonly place: Place,
    private readonly modes: Modes,
    private readonly connection: Connection,
  ) {
    this.name = place.name;
  }

  async put(key: string, attempt: string): Promise<Sink> {
    return await this.sink(pathOf(this.place, key), attempt);
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    await twice(() => this.writeOnce(key, bytes));
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    await twice(() => this.replaceOnce(key, bytes));
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    const path = pathOf(this.place, key);
    return await this.told('read', path, async (files) => {
      const { handle, size } = await this.opened(files, key, path);
      try {
        if (size > limit)
          throw new RunnerError(`${path} at ${this.name} is ${size} bytes long; at most ${limit} are read.`);
        const chunks: Buffer[] = [];
        for await (const chunk of readAhead(files, handle, 0, size)) chunks.push(chunk);
        return Buffer.concat(chunks);
      } finally {
        if (!files.session.over) await files.close(handle);
      }
    });
  }

  async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    const path = pathOf(this.place, key);
    return await this.told('read', path, async (files) => {
      const { handle, size } = await this.opened(files, key, path);
      const end = Math.min(size, (range?.end ?? size - 1) + 1);
      const bytes = this.bytesOf(files, handle, range?.start ?? 0, end, path);
      return Readable.from(bytes, { objectMode: false, highWaterMark: 1024 * 1024 });
    });
  }

  async stat(key: string): Promise<StoredObject | null> {
    const path = pathOf(this.place, key);
    return await this.told('look at', path, async (files) => {
      const found = await looked(files, this.place, path);
      return found && isFile(found) ? { key, ...measured(found) } : null;
    });
  }

  async *list(prefix: string): AsyncIterable<StoredObject[]> {
    checkPrefix(this.name, prefix);
    const first = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    const enter = (key: string) => `${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`);
    const link = async (path: string) => await checkListed(await this.connection.files(), this.place, path);
    for await (const found of this.walked('list', { first, enter, link })) {
      const shown = found.filter(({ key, name }) => key.startsWith(prefix) && !name.startsWith(partPrefix));
      if (shown.length > 0) yield shown.map(({ key, attributes }) => ({ key, ...measured(attributes) }));
    }
  }

  async remove(key: string): Promise<void> {
    await this.removeInside(pathOf(this.place, key));
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    await this.removeInside(partOf(pathOf(this.place, key), attempt));
  }

  /** Whatever has the name of a small file's temporary was made by us; a living writer is done with its own in an instant. */
  async sweep(folder: string): Promise<void> {
    const path = pathOf(this.place, folder);
    const limit = (await this.clock()).getTime() / 1000 - 3600;
    for await (const found of this.walked('sweep', { first: folder, enter: () => true })) {
      const left = found.filter(({ name, attributes }) => isSmallPart(name) && (attributes.modified ?? limit) < limit);
      await this.told('sweep', path, (files) =>
        Promise.all(left.map(({ key }) => files.remove(join(this.place.root, key)))),
      );
    }
  }

  async free(): Promise<number | null> {
    return await this.told('ask the free space of', this.place.root, (files) => freeSpace(files, this.place.root));
  }

  /** In whole seconds; where no file may be made, this machine's. */
  async clock(): Promise<Date> {
    const path = partOf(join(this.place.root, 'clock'), smallAttempt());
    return await this.told('ask the time of', this.place.root, (files) => timeOfNew(files, path));
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  private async writeOnce(key: string, bytes: Uint8Array): Promise<void> {
    const sink = await this.sink(pathOf(this.place, key), smallAttempt());
    try {
      await sink.write([bytes]);
      await sink.prepare();
      await sink.publish();
    } catch (error) {
      await sink.abort();
      if (!(error instanceof KeyExists) || !(await holdsExactly(this, key, bytes))) throw error;
    }
  }

  private async replaceOnce(key: string, bytes: Uint8Array): Promise<void> {
    const path = pathOf(this.place, key);
    const isOffered = await this.told('replace', path, async (files) => files.offers('replace'));
    if (!isOffered) return await this.overwrite(key, path, bytes);
    const sink = await this.sink(path, smallAttempt());
    try {
      await sink.write([bytes]);
      await sink.prepare();
      await sink.replace();
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }

  private async sink(path: string, attempt: string): Promise<SftpSink> {
    const access = { name: this.name, files: () => this.connection.files() };
    const open = () => openSink(access, path, attempt, this.modes.files);
    let isCut = false;
    return await this.told('create', path, async (files) => {
      // A session that ended may have made it; nobody else has its name.
      if (isCut) await files.remove(partOf(path, attempt));
      await looked(files, this.place, path);
      isCut = true;
      try {
        return await open();
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== Status.missing) throw error;
        // Folders above the configured one are made as the server makes them; those below have the modes of the plan.
        await makeFolder(files, dirname(this.place.root), null);
        await makeFolder(files, dirname(path), this.modes.directories);
        return await open();
      }
    });
  }

  /** Where the server cannot replace: in place, so that what holds the lease is at no moment missing. */
  private async overwrite(key: string, path: string, bytes: Uint8Array): Promise<void> {
    if ((await this.stat(key)) === null) return await this.write(key, bytes);
    await this.told('replace', path, async (files) => {
      const handle = await files.open(path, Open.write);
      try {
        for (let at = 0; at < bytes.length; at += files.limits.write)
          await files.write(handle, at, [bytes.subarray(at, at + files.limits.write)]).answer;
        await files.fset(handle, { size: bytes.length });
        if (files.offers('sync')) await files.sync(handle);
      } finally {
        if (!files.session.over) await files.close(handle);
      }
    });
  }

  /** Looked at before it is opened: to open a pipe would hold the server up. */
  private async opened(files: Files, key: string, path: string): Promise<{ handle: Handle; size: number }> {
    const missing = new KeyMissing(`${key} is not at ${this.name}.`);
    const found = await looked(files, this.place, path);
    if (!found || !isFile(found)) throw missing;
    try {
      const handle = await files.open(path, Open.read);
      return { handle, size: (await files.fstat(handle)).size ?? 0 };
    } catch (error) {
      if (error instanceof Refused && error.status === Status.missing) throw missing;
      throw error;
    }
  }

  private async *bytesOf(files: Files, handle: Handle, start: number, end: number, path: string) {
    try {
      yield* readAhead(files, handle, start, end);
    } catch (error) {
      throw await explained(error, this.name, 'read', path, files);
    } finally {
      if (!files.session.over) await files.close(handle).catch(() => {});
    }
  }

  private async *walked(doing: string, course: Course) {
    const path = join(this.place.root, course.first);
    const files = await this.told(doing, path, async (living) => {
      await looked(living, this.place, path);
      return living;
    });
    try {
      yield* walk(files, this.place, course);
    } catch (error) {
      throw await explained(error, this.name, doing, path, files);
    }
  }

  private async removeInside(path: string): Promise<void> {
    await this.told('remove', path, async (files) => {
      await looked(files, this.place, dirname(path));
      await files.remove(path);
    });
  }

  /** What goes through here may be done twice. */
  private async told<T>(doing: string, path: string, act: (files: Files) => Promise<T>): Promise<T> {
    let files: Files | null = null;
    try {
      return await twice(async () => {
        files = await this.connection.files();
        return await act(files);
      });
    } catch (error) {
      throw await explained(error, this.name, doing, path, files);
    }
  }
}

function measured({ size = 0, modified = 0 }: Attributes): { size: number; modified: Date } {
  return { size, modified: new Date(modified * 1000) };
}
