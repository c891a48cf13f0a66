/** What a session of SFTP can be asked to do with files. Each rejects with Refused or Ended. */
import { type Asked, Refused, type Session } from './session.ts';
import { Answer, Ask, type Attributes, Status } from './wire.ts';

export type Handle = Buffer;
export type Entry = { name: string; attributes: Attributes };

/** What every server takes; one that knows the extension says how much more. */
const block = 32 * 1024;
/** More at once gains nothing, and one packet would hold up what is small for too long. */
const largestBlock = 256 * 1024 - 1024;

const extension = {
  limits: 'limits@openssh.com',
  sync: 'fsync@openssh.com',
  link: 'hardlink@openssh.com',
  replace: 'posix-rename@openssh.com',
  space: 'statvfs@openssh.com',
} as const;

export class Files {
  /** Bytes of one read and one write at most. */
  readonly limits = { read: block, write: block };

  constructor(readonly session: Session) {}

  /** Asks how much fits into one request. */
  async learn(): Promise<void> {
    if (!this.offers('limits')) return;
    const fields = await this.session.ask(Ask.extended, [extension.limits], Answer.extended);
    fields.number64();
    const [read, write] = [fields.number64(), fields.number64()];
    this.limits.read = Math.min(read || block, largestBlock);
    this.limits.write = Math.min(write || block, largestBlock);
  }

  offers(name: keyof typeof extension): boolean {
    return this.session.extensions.has(extension[name]);
  }

  /** `flags` of `Open`. */
  async open(path: string, flags: number, mode?: number): Promise<Handle> {
    const attributes = mode === undefined ? {} : { mode };
    const fields = await this.session.ask(Ask.open, [path, flags, attributes], Answer.handle);
    return Buffer.from(fields.data());
  }

  async close(handle: Handle): Promise<void> {
    await this.session.ask(Ask.close, [handle]);
  }

  /** At most `length` bytes; null behind the end. A view on memory of its own. */
  async read(handle: Handle, offset: number, length: number): Promise<Buffer | null> {
    return await orNull(Status.end, async () => {
      const fields = await this.session.ask(Ask.read, [handle, BigInt(offset), length], Answer.data);
      return fields.data();
    });
  }

  /** At most `limits.write` bytes. */
  write(handle: Handle, offset: number, data: readonly Uint8Array[]): Asked {
    const length = data.reduce((sum, bytes) => sum + bytes.length, 0);
    return this.session.send(Ask.write, [handle, BigInt(offset), length], Answer.status, { data });
  }

  /** Null where nothing is. A link is not followed. */
  async lstat(path: string): Promise<Attributes | null> {
    return await this.attributes(Ask.lstat, path);
  }

  /** Null where nothing is. A link is followed. */
  async stat(path: string): Promise<Attributes | null> {
    return await this.attributes(Ask.stat, path);
  }

  async fstat(handle: Handle): Promise<Attributes> {
    return (await this.session.ask(Ask.fstat, [handle], Answer.attributes)).attributes();
  }

  async set(path: string, attributes: Attributes): Promise<void> {
    await this.session.ask(Ask.setstat, [path, attributes]);
  }

  async fset(handle: Handle, attributes: Attributes): Promise<void> {
    await this.session.ask(Ask.fsetstat, [handle, attributes]);
  }

  async openFolder(path: string): Promise<Handle> {
    return Buffer.from((await this.session.ask(Ask.opendir, [path], Answer.handle)).data());
  }

  /** The next ones, without `.` and `..`; null behind the last. */
  async entries(handle: Handle): Promise<Entry[] | null> {
    return await orNull(Status.end, async () => {
      const fields = await this.session.ask(Ask.readdir, [handle], Answer.name);
      const found: Entry[] = [];
      for (let count = fields.number32(); count > 0; count -= 1) {
        const name = fields.text();
        // The line that `ls -l` would print.
        fields.data();
        const attributes = fields.attributes();
        if (name !== '.' && name !== '..') found.push({ name, attributes });
      }
      return found;
    });
  }

  /** The path without links; null where it leads nowhere. */
  async real(path: string): Promise<string | null> {
    return await orNull(Status.missing, async () => {
      const fields = await this.session.ask(Ask.realpath, [path], Answer.name);
      fields.number32();
      return fields.text();
    });
  }

  async makeFolder(path: string, attributes: Attributes): Promise<void> {
    await this.session.ask(Ask.mkdir, [path, attributes]);
  }

  /** Removes a file; one that is gone is fine. */
  async remove(path: string): Promise<void> {
    await orNull(Status.missing, () => this.session.ask(Ask.remove, [path]));
  }

  /** Refuses to replace, says the draft; not every server does. */
  async rename(from: string, to: string): Promise<void> {
    await this.session.ask(Ask.rename, [from, to]);
  }

  /** Replaces what is there, at once. Only where `offers('replace')`. */
  async replace(from: string, to: string): Promise<void> {
    await this.session.ask(Ask.extended, [extension.replace, from, to]);
  }

  /** A second name, never in the place of another. Only where `offers('link')`. */
  async link(from: string, to: string): Promise<void> {
    await this.session.ask(Ask.extended, [extension.link, from, to]);
  }

  /** Makes a file durable, or the names in a folder. Only where `offers('sync')`; else the server keeps no such promise. */
  async sync(handle: Handle): Promise<void> {
    await this.session.ask(Ask.extended, [extension.sync, handle], Answer.status, { slow: true });
  }

  /** Of the file system on which a path lies. Only where `offers('space')`. */
  async space(path: string): Promise<{ free: number; readOnly: boolean }> {
    const fields = await this.session.ask(Ask.extended, [extension.space, path], Answer.extended);
    const [, fragment, , , available] = Array.from({ length: 5 }, () => fields.number64());
    // Numbers of files: all, free, available; the id of the file system.
    for (let count = 4; count > 0; count -= 1) fields.number64();
    return { free: fragment! * available!, readOnly: (fields.number64() & 1) === 1 };
  }

  private async attributes(type: number, path: string): Promise<Attributes | null> {
    return await orNull(Status.missing, async () =>
      (await this.session.ask(type, [path], Answer.attributes)).attributes(),
    );
  }
}

/** Null where the server answers with this status. */
async function orNull<T>(status: number, act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Refused && error.status === status) return null;
    throw error;
  }
}
