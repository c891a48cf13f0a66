/** One file on its way: a temporary name beside it, made durable, then given its own name, which never replaces another. */
import { dirname } from 'node:path/posix';
import { KeyExists, type Sink } from '../../destination.ts';
import { partOf } from '../file-names.ts';
import { explained, twice } from './faults.ts';
import type { Files, Handle } from './files.ts';
import { syncFolder } from './folders.ts';
import { claim, settle } from './publish.ts';
import { Ended, Refused } from './session.ts';
import { Window } from './window.ts';
import { Open, Status } from './wire.ts';

/** Writes under way for one file: they have left our memory, so this bounds what the server has still to answer. */
const depth = 64;

/** What a sink wants of its store: a session that lives, which may be another than the one it began with. */
export type Access = { name: string; files(): Promise<Files> };

/** Opens a sink. Rejects with Refused (`missing`) where the folder of `path` is not there. */
export async function openSink(access: Access, path: string, attempt: string, mode: number): Promise<SftpSink> {
  const part = partOf(path, attempt);
  const files = await access.files();
  const { write, create, exclusive } = Open;
  const handle = await files.open(part, write | create | exclusive, mode);
  const sink = new SftpSink(access, files, handle, part, path);
  try {
    // The account's own mask may have taken bits away.
    await files.fset(handle, { mode });
    return sink;
  } catch (error) {
    if (error instanceof Refused && error.status === Status.unsupported) return sink;
    await sink.abort();
    throw error;
  }
}

export class SftpSink implements Sink {
  private state: 'open' | 'prepared' | 'published' | 'broken' = 'open';
  private readonly window = new Window(depth);
  private size = 0;
  private closed = false;
  private claimed = false;

  constructor(
    private readonly access: Access,
    private readonly files: Files,
    private readonly handle: Handle,
    private readonly part: string,
    private readonly path: string,
  ) {}

  /** Resolves when the bytes are on the line; what the server says of them is heard by the next step. */
  async write(batch: readonly Uint8Array[]): Promise<void> {
    await this.step('open', 'write', async () => {
      let last = Promise.resolve();
      for (const data of blocks(batch, this.files.limits.write)) {
        await this.window.room();
        const { answer, sent } = this.files.write(this.handle, this.size, data);
        this.window.add(answer);
        for (const { length } of data) this.size += length;
        last = sent;
      }
      await last;
    });
  }

  async prepare(): Promise<{ size: number }> {
    return await this.step('open', 'make durable', async () => {
      const { files, handle } = this;
      // All at once: the server does them in order. Only one fsync, since after one that failed the next may lie.
      const [, , { size = 0 }] = await Promise.all([
        this.window.empty(),
        files.offers('sync') ? files.sync(handle) : null,
        files.fstat(handle),
        this.close(),
      ]);
      this.state = 'prepared';
      return { size };
    });
  }

  async publish(): Promise<void> {
    await this.step('prepared', 'publish', async () => {
      const wanted = { name: this.access.name, part: this.part, path: this.path };
      let { files } = this;
      try {
        files = await this.access.files();
        await claim(files, wanted);
      } catch (error) {
        if (!(error instanceof Ended)) throw error;
        files = await this.access.files();
        await settle(files, wanted, this.size);
      }
      this.claimed = true;
      await syncFolder(files, dirname(this.path));
      this.state = 'published';
    });
  }

  /** The temporary name alone, for who replaces what is there: `prepared` is what it must be. */
  async replace(): Promise<void> {
    await this.step('prepared', 'replace', async () => {
      const files = await this.access.files();
      await files.replace(this.part, this.path);
      await syncFolder(files, dirname(this.path));
      this.state = 'published';
    });
  }

  async abort(): Promise<void> {
    if (this.state === 'published') return;
    this.state = 'broken';
    await this.close().catch(() => {});
    try {
      await twice(async () => {
        const files = await this.access.files();
        await files.remove(this.part);
        // Ours, but its name could not be made durable: nobody may build on it.
        if (this.claimed) await files.remove(this.path);
      });
    } catch (error) {
      throw await explained(error, this.access.name, 'remove', this.part, null);
    }
  }

  private async step<T>(wanted: 'open' | 'prepared', doing: string, act: () => Promise<T>): Promise<T> {
    if (this.state !== wanted) throw new Error(`a sink that is ${this.state} cannot ${doing}`);
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof KeyExists)) this.state = 'broken';
      throw await explained(error, this.access.name, doing, this.path, this.files);
    }
  }

  private async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.files.close(this.handle);
  }
}

/** The bytes of a batch in blocks of `most` bytes; the last one may be shorter. They stay where they are in memory. */
function* blocks(batch: readonly Uint8Array[], most: number): Generator<Uint8Array[]> {
  let block: Uint8Array[] = [];
  let length = 0;
  for (const bytes of batch)
    for (let rest = bytes; rest.length > 0; ) {
      const taken = rest.subarray(0, most - length);
      block.push(taken);
      length += taken.length;
      rest = rest.subarray(taken.length);
      if (length < most) continue;
      yield block;
      [block, length] = [[], 0];
    }
  if (length > 0) yield block;
}
