/** Copies that the store makes itself: nothing of them passes through here. */
import { RunnerError } from '../../diagnostic.ts';
import { mostParts } from './part-size.ts';
import { UploadSink } from './sink.ts';
import type { Upload } from './upload.ts';

export type CopySource = {
  bucket: string;
  name: string;
  /** Where the newest one is not meant. */
  version: string | undefined;
  size: number;
  tag: string | undefined;
  /** Members that open it, where a customer's key is on it. */
  members: object;
};

/** What the server copies in one request: it takes up to 5 GiB, and shorter ones do not run into timeouts. */
const leastRange = 256 * 2 ** 20;
const atOnce = 4;

/** What is copied has its name from `prepare` on, so that it can be read back: an upload that is not finished shows nothing. */
export class CopySink extends UploadSink {
  private stopped = false;
  private kept = false;

  constructor(
    upload: Upload,
    private readonly source: CopySource,
  ) {
    super(upload);
  }

  override async prepare(): Promise<{ size: number }> {
    const stored = await super.prepare();
    await super.publish();
    return stored;
  }

  override async publish(): Promise<void> {
    if (this.state !== 'published') throw new Error(`a sink that is ${this.state} cannot publish`);
    this.kept = true;
  }

  override async abort(): Promise<void> {
    if (this.kept) return;
    if (this.state === 'published') this.state = 'broken';
    await super.abort();
  }

  async write(): Promise<void> {
    throw new Error('a copy that the store makes takes no bytes');
  }

  protected async drain(): Promise<void> {
    const { bucket, name, version, size, tag, members } = this.source;
    const length = Math.max(leastRange, Math.ceil(size / mostParts));
    const path = `${bucket}/${name.split('/').map(encodeURIComponent).join('/')}`;
    const source = version === undefined ? path : `${path}?versionId=${version}`;
    const condition = tag === undefined ? {} : { CopySourceIfMatch: tag };
    let number = 0;
    const work = async () => {
      while (number * length < size && !this.stopped) {
        const start = number * length;
        number += 1;
        const range = { start, end: Math.min(size, start + length) - 1 };
        this.parts.push(await this.upload.sendCopy(number, source, range, { ...members, ...condition }));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    if (this.parts.length === 0) throw new RunnerError(`${name} in ${bucket} is empty, and nothing is copied of it.`);
  }

  protected async stop(): Promise<void> {
    this.stopped = true;
  }
}
