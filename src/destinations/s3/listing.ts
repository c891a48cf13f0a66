/** What lies below a prefix, page by page. */
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { StoredObject } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Client } from './client.ts';
import { probeKey } from './small.ts';

/** Objects whose names begin with `start`, a page at a time; rejects unless the server came to the end. */
export async function* listing(client: Client, start: string, pageSize?: number): AsyncGenerator<StoredObject[]> {
  let after: string | undefined;
  for (;;) {
    const page = await client.call('list', start, (s3, o) =>
      s3.listObjectsV2(
        {
          Bucket: client.bucket,
          Prefix: start,
          // Names may hold what XML cannot.
          EncodingType: 'url',
          ...(pageSize === undefined ? {} : { MaxKeys: pageSize }),
          ...(after === undefined ? {} : { ContinuationToken: after }),
        },
        o,
      ),
    );
    const found = objectsOf(client, page);
    if (found.length > 0) yield found;
    if (!page.IsTruncated) return;
    if (!page.NextContinuationToken || page.NextContinuationToken === after)
      throw new RunnerError(
        `Destination ${client.name}: the server says that its list of ${client.where(start)} goes on, and not how: what is there is not known.`,
      );
    after = page.NextContinuationToken;
  }
}

function objectsOf(client: Client, { Contents = [], EncodingType }: ListObjectsV2CommandOutput): StoredObject[] {
  return Contents.flatMap(({ Key = '', Size = 0, LastModified, StorageClass }) => {
    const name = EncodingType === 'url' ? decodeURIComponent(Key.replaceAll('+', ' ')) : Key;
    // A folder that a console has made is an empty object with a slash at its end.
    if (name.endsWith('/') || !name.startsWith(client.prefix)) return [];
    const key = name.slice(client.prefix.length);
    if (key === probeKey) return [];
    const kept = StorageClass === undefined ? {} : { class: StorageClass };
    return [{ key, size: Size, modified: LastModified ?? new Date(0), ...kept }];
  });
}
