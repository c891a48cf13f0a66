/** Buckets under the customers' own names, as the plans' destinations find them. */
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import type { S3Server } from '../../helpers/s3-servers.ts';

export async function createBucket(server: S3Server, bucket: string): Promise<void> {
  const client = server.client();
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}

/** What makes every AWS program, ours too, speak to this server. */
export const awsEnvironment = (server: S3Server): Record<string, string> => ({
  ...server.environment(),
  AWS_REGION: server.region,
  AWS_ENDPOINT_URL_S3: server.endpoint,
});
