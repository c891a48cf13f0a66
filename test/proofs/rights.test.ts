/** Eight users of limited rights at a real MinIO: `doctor` names exactly what each may not do. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasEngine, type Policy, type S3Server, startS3 } from '../helpers/s3-servers.ts';

const object = ['s3:PutObject', 's3:GetObject', 's3:DeleteObject', 's3:AbortMultipartUpload'];
const all = [
  ...object,
  's3:ListMultipartUploadParts',
  's3:ListBucket',
  's3:ListBucketVersions',
  's3:ListBucketMultipartUploads',
  's3:GetBucketVersioning',
  's3:GetBucketObjectLockConfiguration',
  's3:GetEncryptionConfiguration',
  's3:GetLifecycleConfiguration',
];
const without = (...gone: string[]) => all.filter((action) => !gone.includes(action));

/** What a user may do, what the plan says, and what is wrong with that. */
type User = { may: string[]; plan?: Record<string, unknown>; wrong: Record<string, RegExp> };

const advisory = { 'may delete': /^warning: yes \(s3:DeleteObject\), and write: who steals these keys/ };

const users: Record<string, User> = {
  'who may do everything': { may: all, wrong: advisory },
  'who may not write': {
    may: without('s3:PutObject'),
    wrong: { 'may write': /^problem: no: allow s3:PutObject, or no backup can be made$/, ...advisory },
  },
  'who may not read': {
    may: without('s3:GetObject'),
    wrong: { 'may read': /^problem: no: allow s3:GetObject, or nothing can be verified or restored$/, ...advisory },
  },
  'who may not list': {
    may: without('s3:ListBucket'),
    wrong: {
      destination: /^problem: .*access is denied \(it takes s3:ListBucket\)/,
      'may list': /^problem: no: allow s3:ListBucket, or nobody knows what is there$/,
      ...advisory,
    },
  },
  'who may not delete': {
    may: without('s3:DeleteObject'),
    wrong: { 'may delete': /^problem: no: allow s3:DeleteObject, or .*; or say `append-only: true`$/ },
  },
  'who may not abandon uploads': {
    may: without('s3:AbortMultipartUpload'),
    wrong: {
      'may abandon uploads': /^problem: no: allow s3:AbortMultipartUpload, or uploads that broke stay/,
      ...advisory,
    },
  },
  'who may not delete, as the plan says': { may: without('s3:DeleteObject'), plan: { 'append-only': true }, wrong: {} },
  'who may delete, although the plan says not': {
    may: all,
    plan: { 'append-only': true },
    wrong: { 'may delete': /^problem: yes, although the plan says `append-only`: take s3:DeleteObject away$/ },
  },
  'who may ask for no settings, which the plan wants': {
    may: [...object, 's3:ListBucket'],
    plan: { ensure: { versioning: 'enabled' } },
    wrong: { versioning: /^problem: not known: these credentials may not ask, and the plan wants it$/, ...advisory },
  },
  'who may do nothing': {
    may: ['s3:ListAllMyBuckets'],
    wrong: {
      destination: /^problem: .*access is denied/,
      'may write': /^problem: no: allow s3:PutObject/,
      'may read': /^warning: could not be found out \(s3:GetObject\)$/,
      'may list': /^problem: no: allow s3:ListBucket/,
      'may delete': /^problem: no: allow s3:DeleteObject/,
    },
  },
};

describe.skipIf(!hasEngine('minio'))('doctor', () => {
  const temporary = temporaryDirectory('runner-rights-');
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3('minio');
    mkdirSync(join(temporary.path, 'notes'));
    writeFileSync(join(temporary.path, 'notes/one'), 'one\n');
  });
  afterAll(async () => {
    await server?.stop();
    temporary.remove();
  });

  it.each(Object.entries(users))('tells a user %s', async (_, { may, plan = {}, wrong }) => {
    const bucket = await server.bucket();
    const resources = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const policy: Policy = [{ Effect: 'Allow', Action: may, Resource: resources }];
    const file = join(temporary.path, `${bucket}.yaml`);
    const whole = {
      version: 1,
      name: 'shop',
      sources: { notes: { type: 'files', paths: ['notes'] } },
      destinations: { cloud: { ...server.spec(bucket), ...plan } },
      backups: { notes: { source: 'notes', destinations: ['cloud'], retention: { daily: 7 } } },
    };
    writeFileSync(file, JSON.stringify(whole));
    const env = server.environment(await server.limited(policy));
    const { stdout, stderr } = await runner(['doctor', file, '--json'], { cwd: temporary.path, env });
    expect(stdout, stderr).not.toBe('');
    const checks = JSON.parse(stdout).checks as { check: string; subject: string; health: string; message: string }[];
    const found = checks.filter(({ subject, health }) => subject === 'cloud' && health !== 'ok');
    const told = Object.fromEntries(found.map(({ check, health, message }) => [check, `${health}: ${message}`]));
    expect(Object.keys(told).toSorted(), JSON.stringify(told, null, 1)).toEqual(Object.keys(wrong).toSorted());
    for (const [check, message] of Object.entries(wrong)) expect(told[check]).toMatch(message);
  });
});
