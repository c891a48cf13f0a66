/** How what is written is to be kept: encryption, storage class, tags and locks, as members of the requests that write. */
import type { CreateMultipartUploadRequest } from '@aws-sdk/client-s3';
import type { Placement, ReadSecret } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { parseDuration, seconds } from '../../units.ts';
import type { Encryption, S3Spec } from './spec.ts';

type Members = Pick<
  CreateMultipartUploadRequest,
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'BucketKeyEnabled'
  | 'SSECustomerAlgorithm'
  | 'SSECustomerKey'
  | 'StorageClass'
  | 'Tagging'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
>;
type CustomerKey = Pick<Members, 'SSECustomerAlgorithm' | 'SSECustomerKey'>;

export type Keeping = {
  /** Members of requests that make an object. Only artifacts have a storage class: the rest is read at every run. */
  made(as: 'artifact' | 'small', placement: Placement | undefined, now: Date): Members;
  /** Members of every request that reads or sends bytes: a customer's key. */
  opened: CustomerKey;
  /** The same for the source of a copy. */
  copied: { CopySourceSSECustomerAlgorithm?: string; CopySourceSSECustomerKey?: string };
};

export async function keepingOf(name: string, spec: S3Spec, readSecret: ReadSecret): Promise<Keeping> {
  const opened = await customerKey(name, spec.encryption, readSecret);
  const sealed = { ...opened, ...serverKey(spec.encryption) };
  const tagging = spec.tags === undefined ? {} : { Tagging: new URLSearchParams(spec.tags).toString() };
  return {
    opened,
    copied:
      opened.SSECustomerKey === undefined
        ? {}
        : { CopySourceSSECustomerAlgorithm: 'AES256', CopySourceSSECustomerKey: opened.SSECustomerKey },
    made: (as, placement, now) => ({
      ...sealed,
      ...tagging,
      ...(as === 'artifact' ? storageClass(spec['storage-class'], placement) : {}),
      ...lock(spec['object-lock'], placement, now),
    }),
  };
}

async function customerKey(
  name: string,
  encryption: Encryption | undefined,
  readSecret: ReadSecret,
): Promise<CustomerKey> {
  if (encryption?.type !== 'customer') return {};
  const text = await readSecret(encryption.key.secret);
  const key = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length !== 32)
    throw new RunnerError(
      `Destination ${name}: the key of \`encryption\` has ${key.length} bytes; it must have 32, as base64 or hexadecimal (openssl rand -base64 32).`,
    );
  // The SDK takes the text in base64 and adds its hash.
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64') };
}

function serverKey(encryption: Encryption | undefined): Members {
  if (encryption?.type === 'aes256') return { ServerSideEncryption: 'AES256' };
  if (encryption?.type !== 'kms') return {};
  return {
    ServerSideEncryption: 'aws:kms',
    ...(encryption.key === undefined ? {} : { SSEKMSKeyId: encryption.key }),
    ...(encryption['bucket-key'] === undefined ? {} : { BucketKeyEnabled: encryption['bucket-key'] }),
  };
}

function storageClass(wanted: S3Spec['storage-class'], placement: Placement | undefined): Members {
  const word = typeof wanted === 'string' ? wanted : wanted?.[placement?.tier ?? 'recent'];
  return word === undefined ? {} : { StorageClass: word as NonNullable<Members['StorageClass']> };
}

/** Only what belongs to a backup is locked: a lease and a journal must go when they are done. */
function lock(wanted: S3Spec['object-lock'], placement: Placement | undefined, now: Date): Members {
  if (wanted === undefined || placement === undefined) return {};
  const length = parseDuration(wanted.for);
  const until = length === null ? placement.keptUntil : new Date(now.getTime() + seconds(length) * 1000);
  if (until === null || until <= now) return {};
  const mode = wanted.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
  return { ObjectLockMode: mode, ObjectLockRetainUntilDate: until };
}
