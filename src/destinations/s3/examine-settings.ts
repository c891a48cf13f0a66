/** The settings of a bucket, read and compared with what the plan says of them; nothing is ever set. */
import type { ObjectLockConfiguration, S3 } from '@aws-sdk/client-s3';
import type { Found } from '../../destination.ts';
import { formatSize } from '../../units.ts';
import type { Client } from './client.ts';
import { S3Fault } from './faults.ts';
import type { Ensure, S3Spec } from './spec.ts';
import { countCovered } from './versions.ts';

/** `none`: nothing is set. `denied`: these credentials may not ask. `unknown`: the server has no such setting. */
export type Setting<T> = { value: T } | { absent: 'none' | 'denied' | 'unknown' };

/** Reads one setting; what is wrong with the store itself is thrown. */
export async function setting<T>(client: Client, act: (s3: S3, Bucket: string) => Promise<T>): Promise<Setting<T>> {
  try {
    return { value: await client.call('ask for the settings of', '', (s3) => act(s3, client.bucket)) };
  } catch (error) {
    if (!(error instanceof S3Fault) || error.transient || error.code === 'NoSuchBucket') throw error;
    if (error.status === 403) return { absent: 'denied' };
    return { absent: error.status === 404 ? 'none' : 'unknown' };
  }
}

const whyNot = { denied: 'these credentials may not ask', unknown: 'the server has no such setting', none: 'not set' };

/** `wanted`: the plan has it in `ensure`, or rests on it. */
function told(
  check: string,
  isSo: boolean | 'denied' | 'unknown',
  wanted: boolean,
  words: { yes: string; no: string },
): Found {
  if (isSo === true) return { check, health: 'ok', message: words.yes };
  const message = isSo === false ? words.no : `not known: ${whyNot[isSo]}`;
  return { check, health: wanted ? 'problem' : 'ok', message: wanted ? `${message}, and the plan wants it` : message };
}

export type Versioning = { status: 'Enabled' | 'Suspended' | 'off' | 'denied' | 'unknown'; mfaDelete: boolean };

export async function readVersioning(client: Client): Promise<Versioning> {
  const found = await setting(client, (s3, Bucket) => s3.getBucketVersioning({ Bucket }));
  if (!('value' in found)) return { status: found.absent === 'none' ? 'off' : found.absent, mfaDelete: false };
  return { status: found.value.Status ?? 'off', mfaDelete: found.value.MFADelete === 'Enabled' };
}

/** Versioning, what old versions and delete markers there are, and MFA delete where the plan wants it. */
export async function judgeVersioning(
  client: Client,
  { status, mfaDelete }: Versioning,
  about: { ensure: Ensure; needed: boolean; folder: string; mayList: boolean },
): Promise<Found[]> {
  const { ensure, needed, folder, mayList } = about;
  const isKnown = status !== 'denied' && status !== 'unknown';
  const wanted = ensure.versioning !== undefined || needed;
  const words = {
    yes: `on${await coveredText(client, folder, mayList)}`,
    no: status === 'Suspended' ? 'suspended' : 'off',
  };
  const rows = [told('versioning', isKnown ? status === 'Enabled' : status, wanted, words)];
  if (ensure['mfa-delete']) rows.push(told('mfa delete', isKnown ? mfaDelete : status, true, { yes: 'on', no: 'off' }));
  return rows;
}

async function coveredText(client: Client, folder: string, mayList: boolean): Promise<string> {
  if (!mayList) return '';
  const { markers, old, bytes } = await countCovered(client, folder);
  if (markers + old === 0) return '; no old versions';
  const counted = [
    `${old} old ${old === 1 ? 'version' : 'versions'} (${formatSize(bytes)}, paid for)`,
    `${markers} ${markers === 1 ? 'delete marker' : 'delete markers'}`,
  ];
  return `; ${counted.join(' and ')} here: a lifecycle rule that removes noncurrent versions below .runner/ after a day spares most`;
}

/** The lock of the bucket against that of the plan. */
export async function judgeLock(client: Client, wanted: S3Spec['object-lock']): Promise<Found[]> {
  const check = 'object lock';
  const found = await setting(client, (s3, Bucket) => s3.getObjectLockConfiguration({ Bucket }));
  const lock = 'value' in found ? found.value.ObjectLockConfiguration : undefined;
  const isOn = lock?.ObjectLockEnabled === 'Enabled';
  if (!wanted)
    return lock && isOn
      ? [{ check, health: 'ok', message: `on, and the plan does not use it (\`object-lock\`)${byDefault(lock)}` }]
      : [];
  if (lock && isOn)
    return [
      { check, health: 'ok', message: `on; backups are locked (${wanted.mode}, for ${wanted.for})${byDefault(lock)}` },
    ];
  if ('absent' in found && found.absent === 'denied')
    return [
      {
        check,
        health: 'warning',
        message: 'not known: these credentials may not ask (s3:GetBucketObjectLockConfiguration)',
      },
    ];
  return [{ check, health: 'problem', message: 'off, and the plan locks its backups: make a bucket with object lock' }];
}

function byDefault(lock: ObjectLockConfiguration): string {
  const { Days: days, Years: years, Mode: mode } = lock.Rule?.DefaultRetention ?? {};
  if (days === undefined && years === undefined) return '';
  const length = days === undefined ? `${years} years` : `${days} days`;
  return `; the bucket locks everything for ${length} (${mode?.toLowerCase()}), leases and journals too`;
}

/** How the bucket encrypts by itself; told, since transforms and `encryption` are the plan's. */
export async function judgeEncryption(client: Client, spec: S3Spec): Promise<Found[]> {
  const found = await setting(client, (s3, Bucket) => s3.getBucketEncryption({ Bucket }));
  const rule = 'value' in found ? found.value.ServerSideEncryptionConfiguration?.Rules?.[0] : undefined;
  const algorithm = rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm;
  const bucket = algorithm ? `${algorithm} by default` : 'absent' in found ? whyNot[found.absent] : 'none by default';
  const own = spec.encryption ? `${spec.encryption.type} by the plan; the bucket: ` : 'the bucket: ';
  return [{ check: 'encryption', health: 'ok', message: own + bucket }];
}

/** Whether strangers can read: by what an unsigned request gets, and by the settings. */
export async function judgePublicAccess(
  client: Client,
  name: string,
  folder: string,
  { ensure = {} }: S3Spec,
): Promise<Found[]> {
  const check = 'public access';
  const stranger = await strangerOf(client);
  const may = async (act: Promise<unknown>) => await act.then(() => true).catch(() => false);
  const lists = await may(stranger.listObjectsV2({ Bucket: client.bucket, Prefix: folder, MaxKeys: 1 }));
  const reads = await may(stranger.headObject({ Bucket: client.bucket, Key: name }));
  if (lists || reads)
    return [
      {
        check,
        health: 'problem',
        message: `anybody may ${lists ? 'list' : 'read'} it without credentials: block public access`,
      },
    ];
  const found = await setting(client, (s3, Bucket) => s3.getPublicAccessBlock({ Bucket }));
  const blocks = 'value' in found ? found.value.PublicAccessBlockConfiguration : undefined;
  const isBlocked =
    blocks?.BlockPublicAcls && blocks.BlockPublicPolicy && blocks.IgnorePublicAcls && blocks.RestrictPublicBuckets;
  const refused = 'a request without credentials is refused';
  if (isBlocked) return [{ check, health: 'ok', message: 'blocked' }];
  // Where there is nothing to be set, what strangers get is the whole answer.
  if ('absent' in found && found.absent === 'unknown')
    return [{ check, health: 'ok', message: `${refused}; the server has no setting that blocks it` }];
  const wanted = ensure['public-access'] !== undefined;
  const isSo = 'absent' in found && found.absent === 'denied' ? 'denied' : false;
  return [told(check, isSo, wanted, { yes: 'blocked', no: `${refused}, but it is not blocked for good` })];
}

/** The same client without a signature. It shares its connections, so it is not closed. */
async function strangerOf(client: Client): Promise<S3> {
  const { S3 } = await import('@aws-sdk/client-s3');
  const { config } = client.s3;
  return new S3({
    region: config.region,
    ...(config.endpoint ? { endpoint: config.endpoint } : {}),
    forcePathStyle: config.forcePathStyle,
    requestHandler: config.requestHandler,
    maxAttempts: 1,
    credentials: { accessKeyId: '', secretAccessKey: '' },
    signer: { sign: async (request) => request },
  });
}

/** Only where the plan wants it. */
export async function judgeLogging(client: Client, { ensure = {} }: S3Spec): Promise<Found[]> {
  if (!ensure['access-logging']) return [];
  const found = await setting(client, (s3, Bucket) => s3.getBucketLogging({ Bucket }));
  const target = 'value' in found ? found.value.LoggingEnabled?.TargetBucket : undefined;
  const isSo = 'absent' in found && found.absent !== 'none' ? found.absent : target !== undefined;
  return [told('access logging', isSo, true, { yes: `on, to ${target}`, no: 'off' })];
}
