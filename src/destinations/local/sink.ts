/** One file on its way: a temporary name beside it, made durable, then linked to its own name, which link(2) never replaces. */
import { constants } from 'node:fs';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyExists, type Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { partOf } from '../file-names.ts';
import { syncDirectory } from './directories.ts';
import { errorCode, explained } from './faults.ts';

/** Opens a sink; the folder of `path` must exist. `name` is the destination's, for its sentences. */
export async function openSink(name: string, path: string, attempt: string, mode: number): Promise<Sink> {
  const part = partOf(path, attempt);
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  const sink = new LocalSink(name, path, part, file);
  try {
    // The process's own mask may have taken bits away.
    await file.chmod(mode);
    return sink;
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

class LocalSink implements Sink {
  private state: 'open' | 'prepared' | 'published' | 'broken' = 'open';
  private closed = false;
  private linked = false;

  constructor(
    private readonly name: string,
    private readonly path: string,
    private readonly part: string,
    private readonly file: FileHandle,
  ) {}

  async write(batch: readonly Uint8Array[]): Promise<void> {
    await this.step('open', 'write', () => writeAll(this.file, batch));
  }

  async prepare(): Promise<{ size: number }> {
    return await this.step('open', 'make durable', async () => {
      // Once only: after a failed fsync the kernel may have dropped the pages and would call the next one a success.
      await this.file.sync().catch(cannotSync(this.name, this.path));
      const { size } = await this.file.stat();
      await this.close();
      this.state = 'prepared';
      return { size };
    });
  }

  async publish(): Promise<void> {
    await this.step('prepared', 'publish', async () => {
      await linkNew(this.part, this.path, this.name);
      this.linked = true;
      await unlink(this.part);
      await syncDirectory(dirname(this.path));
      this.state = 'published';
    });
  }

  async abort(): Promise<void> {
    if (this.state === 'published') return;
    this.state = 'broken';
    await this.close();
    await removeIfThere(this.part);
    // Ours, but its name could not be made durable: nobody may build on it.
    if (this.linked) await removeIfThere(this.path);
  }

  private async step<T>(wanted: 'open' | 'prepared', doing: string, act: () => Promise<T>): Promise<T> {
    if (this.state !== wanted) throw new Error(`a sink that is ${this.state} cannot ${doing}`);
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof KeyExists)) this.state = 'broken';
      throw explained(error, this.name, doing, this.path);
    }
  }

  private async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.file.close();
  }
}

/** A file system that knows no fsync at all keeps nothing through a power cut, and says so in one of these words. */
function cannotSync(name: string, path: string) {
  return (error: unknown): never => {
    const code = errorCode(error);
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code ?? '')) throw error;
    throw new RunnerError(
      `Destination ${name}: the file system of ${path} cannot make a file durable (fsync: ${code}), so that a power cut could lose what was called safe: use another, or mount it with options that can.`,
    );
  };
}

/** writev takes a limited number of buffers and may write less than all; what is left is written again. */
async function writeAll(file: FileHandle, batch: readonly Uint8Array[]): Promise<void> {
  for (let start = 0; start < batch.length; start += 512) {
    let rest = batch.slice(start, start + 512);
    while (rest.length > 0) {
      let { bytesWritten } = await file.writev(rest);
      while (rest.length > 0 && bytesWritten >= rest[0]!.length) {
        bytesWritten -= rest[0]!.length;
        rest = rest.slice(1);
      }
      if (bytesWritten > 0) rest = [rest[0]!.subarray(bytesWritten), ...rest.slice(1)];
    }
  }
}

async function linkNew(part: string, path: string, name: string): Promise<void> {
  try {
    await link(part, path);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') throw new KeyExists(`${path} already exists at ${name}; nothing is overwritten.`);
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS') {
      throw new RunnerError(
        `Destination ${name}: the file system of ${path} knows no hard links, without which a file could be overwritten unseen: use one that does (ext4, xfs, btrfs, zfs, nfs).`,
      );
    }
    throw error;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error;
  }
}
