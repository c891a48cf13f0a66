/** What `doctor` finds out at a bucket: rights, settings, and what contradicts the plan. */
import type { Demands, Found } from '../../destination.ts';
import { formatDuration, formatSize, parseSize } from '../../units.ts';
import type { Client } from './client.ts';
import { judgeRights, type Stance } from './examine-rights.ts';
import {
  judgeEncryption,
  judgeLock,
  judgeLogging,
  judgePublicAccess,
  judgeVersioning,
  readVersioning,
  setting,
} from './examine-settings.ts';
import type { Keeping } from './keeping.ts';
import { judgeLifecycle } from './lifecycle.ts';
import { findLockRights } from './lock-probe.ts';
import { usualConcurrency, usualPart } from './part-size.ts';
import { mayDelete, tryRights } from './rights.ts';
import type { S3Spec } from './spec.ts';
import { thawSeconds } from './thaw.ts';

export type Examined = {
  client: Client;
  keeping: Keeping;
  spec: S3Spec;
  /** With the credentials of `prune-as`, where the plan has them. */
  openPruner: (() => Promise<Client>) | null;
};

export async function examine(store: Examined, demands: Demands): Promise<Found[]> {
  const { client, keeping, spec, openPruner } = store;
  const folder = client.prefix + demands.folder;
  const appendOnly = spec['append-only'] ?? false;
  const locks = spec['object-lock'] !== undefined;
  // Where nothing may be deleted, one probe is written again and again.
  const nonce = appendOnly ? '' : `-${Math.random().toString(36).slice(2, 10)}`;
  const name = `${folder}.runner/probe${nonce}`;
  const versioning = await readVersioning(client);
  const versioned = versioning.status === 'Enabled' || versioning.status === 'Suspended';
  const deep = locks || (appendOnly && versioned);
  const stance: Stance = { appendOnly, locks, versioned, deep, prunes: demands.keeps !== null };
  const tried = await tryRights({ client, keeping, name, folder });
  const publicly = await judgePublicAccess(client, name, folder, spec);
  const { listVersions } = tried;
  const rights = { ...tried, ...(await mayDelete({ client, name }, { versioned: versioned || locks, listVersions })) };
  const about = { ensure: spec.ensure ?? {}, needed: deep, folder, mayList: listVersions };
  return [
    ...judgeRights(rights, stance),
    ...(await prunerRights(openPruner, { name, versioned: versioned || locks })),
    ...(await judgeVersioning(client, versioning, about)),
    ...(await locking(client, `${name}-lock`, spec['object-lock'])),
    ...publicly,
    ...(await judgeEncryption(client, spec)),
    ...(await judgeLogging(client, spec)),
    ...(await lifecycle(client, { folder, tags: spec.tags ?? {}, keeps: demands.keeps, rto: demands.rto, deep })),
    ...frozen(spec, demands),
    memory(spec),
  ];
}

async function prunerRights(
  open: Examined['openPruner'],
  probe: { name: string; versioned: boolean },
): Promise<Found[]> {
  if (open === null) return [];
  const check = 'prune-as may delete';
  const client = await open();
  try {
    const { delete: may, deleteVersions } = await mayDelete(
      { client, name: probe.name },
      { versioned: probe.versioned, listVersions: true },
    );
    const isWhole = may && (!probe.versioned || deleteVersions === true);
    if (isWhole) return [{ check, health: 'ok', message: 'yes' }];
    const right = may ? 's3:DeleteObjectVersion' : 's3:DeleteObject';
    return [
      {
        check,
        health: 'problem',
        message: `no: allow ${right} to the credentials of \`prune-as\`, or nothing is ever pruned`,
      },
    ];
  } finally {
    client.close();
  }
}

/** What the bucket can lock, and what these credentials may do about it. */
async function locking(client: Client, name: string, wanted: S3Spec['object-lock']): Promise<Found[]> {
  const rows = await judgeLock(client, wanted);
  if (wanted === undefined || rows.some(({ health }) => health === 'problem')) return rows;
  return [...rows, ...(await lockRights(client, name, wanted))];
}

async function lockRights(
  client: Client,
  name: string,
  { mode }: NonNullable<S3Spec['object-lock']>,
): Promise<Found[]> {
  const { lock, bypass } = await findLockRights(client, name, mode);
  const check = 'may lock';
  if (!lock)
    return [{ check, health: 'problem', message: 'no: allow s3:PutObjectRetention, or no backup can be made' }];
  const rows: Found[] = [{ check, health: 'ok', message: 'yes (s3:PutObjectRetention)' }];
  if (bypass)
    rows.push({
      check: 'may bypass locks',
      health: 'warning',
      message: 'yes: take s3:BypassGovernanceRetention away, or lock by `mode: compliance`',
    });
  else
    rows.push({
      check: 'may bypass locks',
      health: 'ok',
      message: mode === 'compliance' ? 'nobody may (compliance)' : 'no',
    });
  return rows;
}

async function lifecycle(client: Client, promised: Parameters<typeof judgeLifecycle>[1]): Promise<Found[]> {
  const found = await setting(client, (s3, Bucket) => s3.getBucketLifecycleConfiguration({ Bucket }));
  if ('value' in found) return judgeLifecycle(found.value.Rules ?? [], promised);
  if (found.absent !== 'denied') return judgeLifecycle([], promised);
  const message = 'not known: these credentials may not ask (s3:GetLifecycleConfiguration)';
  return [{ check: 'lifecycle', health: 'ok', message }];
}

/** What an upload takes: larger parts are for lines and streams that need them. */
function memory(spec: S3Spec): Found {
  const part = spec['part-size'] === undefined ? usualPart : parseSize(spec['part-size'])!;
  const parts = spec.concurrency ?? usualConcurrency;
  return {
    check: 'memory',
    health: 'ok',
    message: `${formatSize(part * parts)} while uploading (${parts} parts of ${formatSize(part)})`,
  };
}

/** The plan's own classes against the time in which it promises a restore. */
function frozen(spec: S3Spec, { rto }: Demands): Found[] {
  const wanted = spec['storage-class'];
  const classes = typeof wanted === 'string' ? [wanted] : Object.values(wanted ?? {});
  return [...new Set(classes)].flatMap((word): Found[] => {
    const thaw = thawSeconds(word);
    if (thaw === null || rto === null || thaw <= rto) return [];
    const message = `${word} takes ${formatDuration(thaw)} to thaw, and the plan promises a restore within ${formatDuration(rto)}`;
    return [{ check: 'storage class', health: 'problem', message }];
  });
}
