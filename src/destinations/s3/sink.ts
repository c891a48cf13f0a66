/** One artifact on its way: parts of recycled buffers, several at once, into an upload that is completed at the end. */
import { setMaxListeners } from 'node:events';
import type { Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { claimName } from './claim.ts';
import { headOf } from './head.ts';
import { buffersFor, mostParts, partSizeAt } from './part-size.ts';
import type { Part, Upload } from './upload.ts';

export type SinkOptions = {
  /** Bytes of the first parts. */
  first: number;
  /** Bytes of a part as the plan wishes it: by it goes how much memory is used. */
  wished: number;
  concurrency: number;
};

type State = 'open' | 'prepared' | 'published' | 'broken';

/** What is the same for bytes that we send and for bytes that the server copies. */
export abstract class UploadSink implements Sink {
  protected state: State = 'open';
  protected readonly parts: Part[] = [];
  /** Set when completion was asked for: the object may be there although nobody said so. */
  private asked = false;

  constructor(protected readonly upload: Upload) {}

  abstract write(batch: readonly Uint8Array[]): Promise<void>;
  /** Resolves when every part is at the server. */
  protected abstract drain(): Promise<void>;
  /** Ends what is on its way. */
  protected abstract stop(): Promise<void>;

  async prepare(): Promise<{ size: number }> {
    return await this.step('open', 'prepare', async () => {
      await this.drain();
      const stored = await this.upload.stored();
      const { client, name } = this.upload.place;
      const wrong = this.parts.find(({ number, size }) => stored.get(number) !== size);
      if (wrong || stored.size !== this.parts.length)
        throw new RunnerError(
          `Destination ${client.name}: of the ${this.parts.length} parts of ${client.where(name)} the server holds ${stored.size}${wrong ? `, and part ${wrong.number} not as it was sent` : ''}.`,
        );
      this.state = 'prepared';
      return { size: [...stored.values()].reduce((sum, size) => sum + size, 0) };
    });
  }

  async publish(): Promise<void> {
    await this.step('prepared', 'publish', async () => {
      this.asked = true;
      await claimName(
        this.upload,
        this.parts,
        this.parts.reduce((sum, { size }) => sum + size, 0),
      );
      this.state = 'published';
    });
  }

  async abort(): Promise<void> {
    if (this.state === 'published') return;
    this.state = 'broken';
    await this.stop();
    await this.upload.abandon();
    if (this.asked) await this.removeOurs();
  }

  /** What was completed although we did not hear of it: nobody may build on it. */
  private async removeOurs(): Promise<void> {
    const { client, keeping, name } = this.upload.place;
    const there = await headOf(client, keeping, name);
    if (!there || this.upload.made(there.Metadata) !== true) return;
    await client.call('remove', name, (s3, o) => s3.deleteObject({ Bucket: client.bucket, Key: name }, o));
  }

  protected async step<T>(wanted: 'open' | 'prepared', doing: string, act: () => Promise<T>): Promise<T> {
    if (this.state !== wanted) throw new Error(`a sink that is ${this.state} cannot ${doing}`);
    try {
      return await act();
    } catch (error) {
      this.state = 'broken';
      throw error;
    }
  }
}

export class StreamSink extends UploadSink {
  private readonly stopping = new AbortController();
  private readonly onTheWay = new Set<Promise<void>>();
  private readonly spare: Buffer[] = [];
  private filling: Buffer | null = null;
  private filled = 0;
  private begun = 0;
  private failure: Error | null = null;

  constructor(
    upload: Upload,
    private readonly options: SinkOptions,
  ) {
    super(upload);
    setMaxListeners(0, this.stopping.signal);
  }

  async write(batch: readonly Uint8Array[]): Promise<void> {
    await this.step('open', 'write', async () => {
      for (const chunk of batch) for (let at = 0; at < chunk.length; ) at += await this.take(chunk, at);
    });
  }

  protected async drain(): Promise<void> {
    // An object without bytes has one part without any.
    if (this.begun === 0) this.filling ??= Buffer.alloc(0);
    this.dispatch();
    await Promise.all(this.onTheWay);
    if (this.failure) throw this.failure;
    this.spare.length = 0;
  }

  protected async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.onTheWay);
    this.spare.length = 0;
    this.filling = null;
  }

  /** Copies what fits into the part that is being filled; tells how much that was. */
  private async take(chunk: Uint8Array, at: number): Promise<number> {
    if (this.failure) throw this.failure;
    this.filling ??= await this.buffer();
    const length = Math.min(chunk.length - at, this.filling.length - this.filled);
    this.filling.set(chunk.subarray(at, at + length), this.filled);
    this.filled += length;
    if (this.filled === this.filling.length) this.dispatch();
    return length;
  }

  /** A buffer for the next part, when one is free. */
  private async buffer(): Promise<Buffer> {
    const { first, wished, concurrency } = this.options;
    if (this.begun === mostParts) throw this.tooLong();
    const size = partSizeAt(this.begun + 1, first);
    while (this.onTheWay.size >= buffersFor(size, wished, concurrency)) await Promise.race(this.onTheWay);
    if (this.failure) throw this.failure;
    const spare = this.spare.pop();
    return spare?.length === size ? spare : Buffer.allocUnsafeSlow(size);
  }

  /** Sends the part that was filled, while the next one fills. */
  private dispatch(): void {
    const whole = this.filling;
    if (whole === null) return;
    const bytes = whole.subarray(0, this.filled);
    this.filling = null;
    this.filled = 0;
    this.begun += 1;
    const sent: Promise<void> = this.upload
      .send(this.begun, bytes, this.stopping.signal)
      .then(
        (part) => {
          this.parts.push(part);
          this.spare.push(whole);
        },
        (error: Error) => {
          this.failure ??= error;
        },
      )
      .finally(() => this.onTheWay.delete(sent));
    this.onTheWay.add(sent);
  }

  private tooLong(): Error {
    const { client, name } = this.upload.place;
    const { first } = this.options;
    return new RunnerError(
      `Destination ${client.name}: ${client.where(name)} is longer than ${mostParts} parts that begin with ${first} bytes: set a larger \`part-size\`.`,
    );
  }
}
