/** What a plan says of an s3 destination, as its schema has validated it. */
import type { Tier } from '../../retention/policy.ts';

type Secret = { secret: string };

/** Whose credentials are used. Nothing given: as every AWS program finds them. */
export type Identity = {
  /** Of the shared configuration files of AWS. */
  profile?: string;
  'access-key-id'?: Secret;
  'secret-access-key'?: Secret;
  'session-token'?: Secret;
  /** Its ARN, or that and what its owner wants to hear. */
  role?: string | { arn: string; 'external-id'?: string };
};

export type Encryption =
  | { type: 'aes256' }
  | { type: 'kms'; key?: string; 'bucket-key'?: boolean }
  | { type: 'customer'; key: Secret };

/** Settings of the bucket that are read and compared, and never set. */
export type Ensure = {
  versioning?: 'enabled';
  'public-access'?: 'blocked';
  'mfa-delete'?: 'enabled';
  'access-logging'?: 'enabled';
};

export type S3Spec = Identity & {
  bucket: string;
  region?: string;
  prefix?: string;
  endpoint?: string;
  'path-style'?: boolean;
  /** A file of certificates. */
  ca?: string;
  encryption?: Encryption;
  'storage-class'?: string | Partial<Record<Tier | 'recent', string>>;
  tags?: Record<string, string>;
  'object-lock'?: { mode: 'governance' | 'compliance'; for: string };
  'append-only'?: boolean;
  'prune-as'?: Identity;
  ensure?: Ensure;
  bandwidth?: string;
  'part-size'?: string;
  concurrency?: number;
  timeout?: string;
  attempts?: number;
};
