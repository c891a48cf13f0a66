/** One multipart upload: its parts lie at the server unseen until it is completed. */
import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { CompletedPart, CreateMultipartUploadRequest } from '@aws-sdk/client-s3';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import type { Keeping } from './keeping.ts';
import { bodyOf } from './slices.ts';
import { abandon, abandonAttempt, claim, unclaim } from './unfinished.ts';

/** Stores that refuse an upload with checksums: they are asked once. */
const withoutChecksums = new Set<string>();

/** The member of an object's metadata that tells which upload made it, when the answer to its completion was lost. */
const attemptMember = 'runner-attempt';

export type Part = { number: number; size: number; completed: CompletedPart };

export type UploadPlace = {
  client: Client;
  keeping: Keeping;
  /** The object's whole name. */
  name: string;
  attempt: string;
};

export class Upload {
  private constructor(
    readonly place: UploadPlace,
    private readonly id: string,
    private readonly mark: string,
    private readonly checksums: boolean,
  ) {}

  /** Begins one. `members` say how the object is to be kept; the server has no checksums of ours for what it copies itself. */
  static async begin(
    place: UploadPlace,
    members: Partial<CreateMultipartUploadRequest>,
    checksums = true,
  ): Promise<Upload> {
    const { client, name, attempt } = place;
    const mark = `${attempt}.${randomBytes(8).toString('hex')}`;
    const request = { Bucket: client.bucket, Key: name, Metadata: { [attemptMember]: mark }, ...members };
    let tries = 0;
    const create = (ChecksumAlgorithm?: 'CRC32') =>
      client.call('begin the upload of', name, (s3, o) => {
        tries += 1;
        return s3.createMultipartUpload({ ...request, ...(ChecksumAlgorithm ? { ChecksumAlgorithm } : {}) }, o);
      });
    const begun =
      !checksums || withoutChecksums.has(client.store)
        ? await create()
        : await create('CRC32').catch(retryPlainly(client, create));
    const id = begun.UploadId!;
    claim(client, name, id, attempt);
    // The answer to an earlier try may have been lost, and with it the id of an upload.
    if (tries > 1) await abandonAttempt(client, name, attempt, id);
    return new Upload(place, id, mark, begun.ChecksumAlgorithm !== undefined);
  }

  /** Sends a part. The server compares its checksum; the bytes may be used again when this resolves. */
  async send(number: number, bytes: Buffer, signal: AbortSignal): Promise<Part> {
    const { client, name, keeping } = this.place;
    const checksum = this.checksums ? { ChecksumCRC32: crc32Of(bytes) } : { ContentMD5: md5Of(bytes) };
    const answer = await client.transfer(
      'upload a part of',
      name,
      (s3, o) =>
        s3.uploadPart(
          {
            ...this.request(),
            ...keeping.opened,
            ...checksum,
            PartNumber: number,
            ContentLength: bytes.length,
            Body: bytes.length === 0 ? bytes : bodyOf(bytes, client.throttle),
          },
          o,
        ),
      signal,
    );
    return this.part(number, bytes.length, answer.ETag, checksum.ChecksumCRC32);
  }

  /** Has the server take a part out of another object of its own. */
  async sendCopy(
    number: number,
    source: string,
    range: { start: number; end: number },
    members: object,
  ): Promise<Part> {
    const { client, name, keeping } = this.place;
    const request = { ...this.request(), ...keeping.opened, ...members, PartNumber: number, CopySource: source };
    const CopySourceRange = `bytes=${range.start}-${range.end}`;
    const answer = await client.transfer('copy', name, (s3, o) =>
      s3.uploadPartCopy({ ...request, CopySourceRange }, o),
    );
    const { ETag, ChecksumCRC32 } = answer.CopyPartResult ?? {};
    return this.part(number, range.end - range.start + 1, ETag, ChecksumCRC32);
  }

  /** What the server says that it holds of it: sizes by the parts' numbers. */
  async stored(): Promise<Map<number, number>> {
    const { client, name } = this.place;
    const sizes = new Map<number, number>();
    for (let after: string | undefined; ; ) {
      const page = await client.transfer('count the parts of', name, (s3, o) =>
        s3.listParts({ ...this.request(), ...(after === undefined ? {} : { PartNumberMarker: after }) }, o),
      );
      for (const { PartNumber, Size } of page.Parts ?? [])
        if (PartNumber !== undefined) sizes.set(PartNumber, Size ?? 0);
      if (!page.IsTruncated || !page.NextPartNumberMarker || page.NextPartNumberMarker === after) return sizes;
      after = page.NextPartNumberMarker;
    }
  }

  /** Makes the object out of its parts, at once; with `create` the server is asked to refuse when there is one already. */
  async complete(parts: readonly Part[], create: boolean): Promise<void> {
    const { client, name, keeping } = this.place;
    const Parts = parts.toSorted((one, other) => one.number - other.number).map(({ completed }) => completed);
    const condition = create ? { IfNoneMatch: '*' } : {};
    const request = { ...this.request(), ...keeping.opened, ...condition, MultipartUpload: { Parts } };
    await client.transfer('finish the upload of', name, (s3, o) => s3.completeMultipartUpload(request, o));
  }

  /** Whether an object was made by this very upload; null where the server keeps no metadata. */
  made(metadata: Record<string, string> | undefined): boolean | null {
    const found = metadata?.[attemptMember];
    return found === undefined ? null : found === this.mark;
  }

  /** It was completed: there is nothing to abandon any more. */
  done(): void {
    unclaim(this.id);
  }

  async abandon(): Promise<void> {
    await abandon(this.place.client, this.place.name, this.id);
  }

  private request(): { Bucket: string; Key: string; UploadId: string } {
    return { Bucket: this.place.client.bucket, Key: this.place.name, UploadId: this.id };
  }

  private part(number: number, size: number, ETag: string | undefined, ChecksumCRC32: string | undefined): Part {
    const checksum = this.checksums && ChecksumCRC32 ? { ChecksumCRC32 } : {};
    return { number, size, completed: { PartNumber: number, ...(ETag === undefined ? {} : { ETag }), ...checksum } };
  }
}

/** Servers that know no checksums refuse them in several ways, and never for want of rights. */
function retryPlainly<T>(client: Client, create: () => Promise<T>): (error: unknown) => Promise<T> {
  return async (error) => {
    const refused = error instanceof S3Fault && (error.status === 400 || error.status === 501);
    if (!refused) throw error;
    const begun = await create();
    withoutChecksums.add(client.store);
    return begun;
  };
}

function crc32Of(bytes: Buffer): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
}

/** What every S3 server has always compared, and object lock insists on. */
export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}
