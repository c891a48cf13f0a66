/** The runtime of an s3 destination. */
import type { Readable } from 'node:stream';
import type { Demands, Destination, Found, Placement, Sink, StoredObject } from '../../destination.ts';
import type { Client } from './client.ts';
import { CopySink } from './copy.ts';
import { S3Fault } from './faults.ts';
import { headOf, isMissing, storedAs } from './head.ts';
import type { Keeping } from './keeping.ts';
import { listing } from './listing.ts';
import { firstPartSize } from './part-size.ts';
import { namePrefix } from './place.ts';
import { readStream, readWhole } from './read.ts';
import { StreamSink } from './sink.ts';
import { conditionOf, put, putOnce } from './small.ts';
import type { S3Spec } from './spec.ts';
import { thaw } from './thaw.ts';
import { abandonAttempt } from './unfinished.ts';
import { Upload } from './upload.ts';

export type StoreOptions = {
  spec: S3Spec;
  /** With the credentials of `prune-as`; null where the plan has none. */
  openPruner: (() => Promise<Client>) | null;
  /** Bytes of a part, while a stream is not longer than such parts can hold. */
  partSize: number;
  concurrency: number;
  /** Objects on a page of a listing; the server's own number where it is not given. */
  pageSize?: number;
};

export class S3Store implements Destination {
  readonly name: string;

  constructor(
    readonly client: Client,
    readonly keeping: Keeping,
    protected readonly options: StoreOptions,
  ) {
    this.name = client.name;
  }

  /** Whether `write` refuses to overwrite for sure. */
  readonly exclusive = async (): Promise<boolean> => (await conditionOf(this.client, this.keeping)) === 'kept';

  async put(key: string, attempt: string, placement?: Placement): Promise<Sink> {
    const upload = await this.begin(key, attempt, placement);
    const { partSize: wished, concurrency } = this.options;
    return new StreamSink(upload, { first: firstPartSize(wished, placement?.expected ?? null), wished, concurrency });
  }

  async copy(from: Destination, key: string, attempt: string, placement?: Placement): Promise<Sink | null> {
    if (!(from instanceof S3Store) || from.client.store !== this.client.store) return null;
    const { Bucket: bucket, Key: name } = from.client.object(key);
    const version = await from.versionOf(key);
    const found = await this.seen(bucket, name, version, from.keeping);
    if (!found?.ContentLength) return null;
    const source = { bucket, name, version, size: found.ContentLength, tag: found.ETag, members: from.keeping.copied };
    return new CopySink(await this.begin(key, attempt, placement, false), source);
  }

  /** The version that counts, where that is not the newest. */
  async versionOf(_key: string): Promise<string | undefined> {
    return undefined;
  }

  async write(key: string, bytes: Uint8Array, placement?: Placement): Promise<void> {
    await putOnce(this.at(key), bytes, this.keeping.made('small', placement, this.client.now()));
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    await put(this.at(key), bytes, this.keeping.made('small', undefined, this.client.now()), 'replace');
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    return await readWhole(this.at(key), limit);
  }

  async get(key: string, range: { start: number; end?: number } = { start: 0 }): Promise<Readable> {
    return await readStream(this.at(key), range);
  }

  async stat(key: string): Promise<StoredObject | null> {
    const { client, keeping, name } = this.at(key);
    const head = await headOf(client, keeping, name);
    return head === null ? null : storedAs(key, head);
  }

  list(prefix: string): AsyncIterable<StoredObject[]> {
    const { client, options } = this;
    return (async function* () {
      yield* listing(client, namePrefix(client.name, client.prefix, prefix), options.pageSize);
    })();
  }

  async remove(key: string): Promise<void> {
    const { client, name } = this.at(key);
    try {
      await client.call('remove', name, (s3, o) => s3.deleteObject({ Bucket: client.bucket, Key: name }, o));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    const { client, name } = this.at(key);
    await abandonAttempt(client, name, attempt);
  }

  async thaw(key: string, days: number): Promise<string> {
    return await thaw(this.at(key), days);
  }

  async examine(demands: Demands): Promise<Found[]> {
    const { client, keeping } = this;
    const { examine } = await import('./examine.ts');
    return await examine({ client, keeping, ...this.options }, demands);
  }

  /** A bucket has no end. */
  async free(): Promise<null> {
    return null;
  }

  /** Any answer has the server's time in it, also that nothing lies under this name. */
  async clock(): Promise<Date> {
    const { client, keeping, name } = this.at('.runner-clock');
    try {
      await headOf(client, keeping, name);
    } catch (error) {
      if (!(error instanceof S3Fault) || error.status === undefined) throw error;
    }
    return client.now();
  }

  async close(): Promise<void> {
    this.client.close();
  }

  protected at(key: string): { client: Client; keeping: Keeping; name: string } {
    return { client: this.client, keeping: this.keeping, name: this.client.object(key).Key };
  }

  private async begin(
    key: string,
    attempt: string,
    placement: Placement | undefined,
    checksums = true,
  ): Promise<Upload> {
    const members = this.keeping.made('artifact', placement, this.client.now());
    return await Upload.begin({ ...this.at(key), attempt }, members, checksums);
  }

  /** What these credentials see of an object of another bucket; null where they see nothing. */
  private async seen(bucket: string, name: string, version: string | undefined, { opened }: Keeping) {
    const request = { Bucket: bucket, Key: name, ...opened, ...(version === undefined ? {} : { VersionId: version }) };
    try {
      return await this.client.call('copy', name, (s3, o) => s3.headObject(request, o));
    } catch (error) {
      if (error instanceof S3Fault && !error.transient) return null;
      throw error;
    }
  }
}
