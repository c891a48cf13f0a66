/**
 * One object on its way. rcat takes the end of its input for the end of the data, whatever became of its producer: so it writes
 * to a temporary name, and what it wrote is moved to its own only when everything was handed over and is what was handed over.
 * Where a store moves nothing by itself, it is written to its own name, which nobody has claimed before the manifest does.
 */
import { KeyExists, type Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { type Digest, digestOf, type HashKind } from './digest.ts';
import { explained, Fault } from './faults.ts';
import type { Objects } from './objects.ts';
import type { Upload } from './streams.ts';

export type SinkOptions = {
  name: string;
  objects: Objects;
  key: string;
  /** Where the upload goes; the key itself where the store cannot move. */
  target: string;
  /** An object that is there as long as nobody has removed this attempt. */
  mark: string;
  hash: HashKind | null;
  renames: 'move' | 'copy' | null;
  upload: Upload;
};

export class RcloneSink implements Sink {
  private state: 'open' | 'prepared' | 'published' | 'broken' = 'open';
  private size = 0;
  private readonly digest: Digest | null;
  private sum: string | undefined;

  constructor(private readonly o: SinkOptions) {
    this.digest = o.hash && digestOf(o.hash);
  }

  async write(batch: readonly Uint8Array[]): Promise<void> {
    await this.step('open', 'write', async () => {
      const sent = this.o.upload.write(batch);
      for (const chunk of batch) {
        this.size += chunk.length;
        this.digest?.update(chunk);
      }
      await sent;
    });
  }

  async prepare(): Promise<{ size: number }> {
    return await this.step('open', 'store', async () => {
      await this.o.upload.end();
      this.sum = this.digest?.hex();
      const wrong = await this.problemOf(this.o.target);
      if (wrong) throw new Fault(wrong);
      this.state = 'prepared';
      return { size: this.size };
    });
  }

  async publish(): Promise<void> {
    await this.step('prepared', 'publish', async () => {
      const { objects, key, target, mark, name, renames } = this.o;
      if (!(await objects.stat(mark))) throw new Fault('another run has removed this attempt');
      const taken = new KeyExists(`${key} already exists at ${name}; nothing is overwritten.`);
      if (renames) {
        if (await objects.stat(key)) throw taken;
        const failed = await objects.rename(target, key, renames).then(
          () => null,
          (error: Error) => error,
        );
        // An answer that never came is no failure when the object lies where it should.
        if (failed && (await this.problemOf(key))) throw failed;
      }
      if (await this.problemOf(key)) throw (await objects.stat(key)) ? taken : new Fault('it is not there any more');
      await objects.remove(mark);
      this.state = 'published';
    });
  }

  async abort(): Promise<void> {
    if (this.state === 'published') return;
    this.state = 'broken';
    await this.o.upload.kill();
    await this.o.objects.remove(this.o.target);
    await this.o.objects.remove(this.o.mark);
  }

  /** Why what lies at a key is not what was handed over, or null. */
  private async problemOf(key: string): Promise<string | null> {
    const { objects, hash } = this.o;
    const found = await objects.stat(key, hash);
    if (found === null) return 'rclone says that it stored it, and it is not there';
    if (found.size !== this.size) return `${found.size} bytes are there instead of ${this.size}`;
    // Some stores know no hash of what came in parts.
    if (found.hash === undefined || this.sum === undefined || found.hash.toLowerCase() === this.sum) return null;
    return `corrupted on transfer: its ${hash} there is ${found.hash} and should be ${this.sum}`;
  }

  private async step<T>(wanted: 'open' | 'prepared', doing: string, act: () => Promise<T>): Promise<T> {
    if (this.state !== wanted) throw new RunnerError(`A sink that is ${this.state} cannot ${doing} ${this.o.key}.`);
    try {
      return await act();
    } catch (error) {
      this.state = 'broken';
      throw explained(error, this.o.name, doing, this.o.key);
    }
  }
}
