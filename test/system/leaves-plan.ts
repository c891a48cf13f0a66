/** A plan in which every leaf of the schemas stands at least once, but for servers and places. It is never run: it is compiled. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey } from '../kinds/gpg-keys.ts';

export type Folder = { path: string; keys: Awaited<ReturnType<typeof makeKeyFiles>> };

export async function makeFolder(path: string): Promise<Folder> {
  mkdirSync(join(path, 'www', 'images'), { recursive: true });
  mkdirSync(join(path, 'credentials'));
  mkdirSync(join(path, 'restored'));
  for (const name of [
    'shop.sqlite',
    'www/index.html',
    'secret-a',
    'secret-b',
    'credentials/token',
    'restored/old.sqlite',
  ])
    writeFileSync(join(path, name), `${name}\n`, { mode: 0o600 });
  writeFileSync(join(path, 'base.yaml'), JSON.stringify({ secrets: { base: { env: 'BASE' } } }));
  writeFileSync(join(path, 'other-base.yaml'), JSON.stringify({ secrets: { base: { env: 'OTHER' } } }));
  return { path, keys: await makeKeyFiles() };
}

async function makeKeyFiles() {
  return { ops: await makeKey('ops'), dev: await makeKey('dev') };
}

/** What the secrets of the plan are read from. */
export const environment = (path: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  ENV_SECRET: 'from the environment',
  BASE: 'base',
  OTHER: 'other',
  CREDENTIALS_DIRECTORY: join(path, 'credentials'),
});

const run = (word: string) => ({
  run: ['notify', word],
  environment: { MODE: word, TOKEN: { secret: 'token' } },
  timeout: '5m',
});
const everyStep = (word: string, sql = true) => [
  run(word),
  { http: `http://localhost/${word}`, within: '2m', timeout: '7m' },
  ...(sql ? [{ sql: `select '${word}'`, timeout: '8m' }] : []),
  { manual: `look at ${word}`, timeout: '9m' },
];
const everyHook = (sql = true) => ({
  before: everyStep('before', sql),
  after: everyStep('after', sql),
  'on-failure': everyStep('failure', sql),
  finally: everyStep('finally', sql),
});
const everySqlAssertion = [
  { sql: 'select count(*) from a', equals: 4 },
  { sql: 'select count(*) from b', 'at-least': 4, 'at-most': 9 },
  { sql: 'select count(*) from c', compare: 'source', tolerance: '5%' },
  { sql: 'select name from d', equals: 'a text' },
  { sql: 'select name from e', compare: 'source', 'at-least': 1 },
  { command: ['check', 'it'] },
  { command: ['count', 'it'], equals: 5, 'at-least': 3, 'at-most': 7 },
];
const everyFileAssertion = [
  { file: 'index.html', exists: true, sha256: 'f'.repeat(64) },
  { file: 'images', size: { 'at-least': '1MiB', 'at-most': '9MiB' } },
  { file: 'whole', size: { equals: '2MiB' } },
  { file: 'gone', exists: false },
  { count: 'images', equals: 3 },
  { count: '**', 'at-least': 2, 'at-most': 50 },
];

/** Buckets with every key that they know. */
const buckets = {
  cloud: {
    type: 's3',
    bucket: 'shop-backups',
    prefix: 'prod',
    region: 'eu-central-1',
    endpoint: 'https://s3.internal:9000',
    'path-style': true,
    profile: 'backup',
    'access-key-id': { secret: 'key' },
    'secret-access-key': { secret: 'given' },
    'session-token': { secret: 'token' },
    role: { arn: 'arn:aws:iam::123456789012:role/backup', 'external-id': 'shop' },
    ca: 'internal.pem',
    encryption: { type: 'kms', key: 'alias/backup', 'bucket-key': true },
    'storage-class': {
      recent: 'STANDARD',
      hourly: 'STANDARD',
      daily: 'STANDARD',
      weekly: 'STANDARD_IA',
      monthly: 'GLACIER_IR',
      quarterly: 'GLACIER',
      yearly: 'DEEP_ARCHIVE',
    },
    tags: { team: 'shop' },
    'object-lock': { mode: 'governance', for: 'retention' },
    bandwidth: '10MiB',
    'part-size': '32MiB',
    concurrency: 8,
    timeout: '30s',
    attempts: 3,
    'off-site': true,
  },
  vault: {
    type: 's3',
    bucket: 'vault',
    encryption: { type: 'customer', key: { secret: 'key' } },
    'storage-class': 'STANDARD_IA',
    'object-lock': { mode: 'compliance', for: '30d' },
  },
  plain: {
    type: 's3',
    bucket: 'plain',
    encryption: { type: 'aes256' },
    'append-only': true,
    'prune-as': {
      profile: 'keeper',
      'access-key-id': { secret: 'key' },
      'secret-access-key': { secret: 'given' },
      'session-token': { secret: 'token' },
      role: { arn: 'arn:aws:iam::123456789012:role/keeper' },
    },
    ensure: {
      versioning: 'enabled',
      'public-access': 'blocked',
      'mfa-delete': 'enabled',
      'access-logging': 'enabled',
    },
  },
};

export function richPlan({ keys }: Folder): Record<string, unknown> {
  const { ops, dev } = keys;
  return {
    version: 1,
    name: 'rich',
    id: 'rich-one',
    extends: 'base.yaml',
    timezone: 'Europe/Berlin',
    objectives: { rpo: '30h', rto: '2h', copies: 3, media: 1, 'off-site': 1 },
    secrets: {
      key: { file: 'secret-a' },
      'other-key': { file: 'secret-b' },
      token: { env: 'ENV_SECRET' },
      spoken: { command: ['printf', 'spoken'] },
      given: { credential: 'token' },
      maybe: { env: 'NOT_SET', optional: true },
      'maybe-file': { file: 'not-there', optional: true },
      'maybe-given': { credential: 'not-there', optional: true },
      'maybe-spoken': { command: ['true'], optional: true },
    },
    sources: {
      www: {
        type: 'files',
        base: 'www',
        paths: ['.'],
        exclude: ['*.tmp', 'cache/'],
        'include-caches': true,
        'one-file-system': true,
        'follow-symlinks': true,
        optional: true,
      },
      logs: { type: 'files', paths: ['www/*.html', 'www/images'] },
      feed: {
        type: 'command',
        run: ['feed', 'export'],
        restore: ['feed', 'import'],
        extension: '.ldif',
        environment: { MODE: 'all', TOKEN: { secret: 'given' }, MAYBE: { secret: 'maybe' } },
      },
    },
    transforms: {
      sealed: [
        'zstd',
        {
          gpg: {
            recipients: [ops.publicFile, dev.publicFile],
            identity: ops.privateFile,
            passphrase: { secret: 'key' },
          },
        },
      ],
      small: [{ xz: { level: 9 } }, { aes: { key: { secret: 'key' }, iterations: 20000 } }],
    },
    destinations: {
      main: {
        type: 'local',
        path: 'main',
        'off-site': true,
        'min-free': '1GiB',
        medium: 'disk',
        price: 0.02,
        quota: { warn: '90%', fail: '1TiB' },
      },
      nas: { type: 'local', path: 'nas', 'off-site': false, slow: { 'drop-after': '10m' } },
      deep: {
        type: 'restic',
        repository: '/srv/restic',
        password: { secret: 'key' },
        environment: { TOKEN: { secret: 'token' } },
        initialize: true,
        prune: 'never',
        'read-data-subset': '5%',
        'retry-lock': '10m',
        cache: 'cache',
        'min-free': '2GiB',
        'off-site': true,
      },
      archive: {
        type: 'local',
        path: 'archive',
        mount: 'required',
        timeout: '1m',
        modes: { files: '0640', directories: '0750' },
      },
      ...buckets,
      remote: {
        type: 'sftp',
        host: 'nas.internal',
        port: 2222,
        user: 'backup',
        path: 'backups',
        key: 'id_backup',
        'known-hosts': 'known_hosts',
        jump: 'me@gate:22',
        modes: { files: '0640', directories: '0750' },
        'min-free': '2GiB',
        'off-site': true,
      },
      forge: {
        type: 'git',
        repository: '/srv/forge.git',
        branch: 'backups',
        path: '{plan}/{backup}',
        author: 'Ada Lovelace <ada@example.org>',
        message: '{id}',
        key: 'secret-a',
        'known-hosts': 'secret-b',
        user: 'ada',
        token: { secret: 'token' },
        refuse: ['*.key'],
        'allow-secrets': { '*.example': 'made up' },
        state: 'refs/heads/state',
        cache: 'cache',
        'off-site': false,
      },
      box: {
        type: 'rclone',
        options: { type: 'webdav', url: 'https://dav.example.org', port: 8443, sync: true, pass: { secret: 'key' } },
        path: 'shop',
        flags: ['--bwlimit=8M'],
        'min-free': '3GiB',
        'off-site': false,
      },
      drive: {
        type: 'rclone',
        remote: 'acme-drive',
        config: 'secret-a',
        'config-password': { secret: 'key' },
      },
      lent: { type: 'rclone', remote: 'lent-drive', config: { secret: 'given' } },
      google: {
        type: 'gcs',
        bucket: 'acme-backups',
        prefix: 'shop',
        credentials: { secret: 'token' },
        anonymous: true,
        endpoint: 'http://127.0.0.1:4443/storage/v1/',
        flags: ['--bwlimit=8M'],
        'off-site': true,
      },
      'google-file': { type: 'gcs', bucket: 'acme-archive', credentials: 'secret-b' },
      blobs: {
        type: 'azure',
        account: 'acmebackups',
        container: 'shop',
        prefix: 'second',
        key: { secret: 'key' },
        sas: { secret: 'token' },
        tier: 'Cool',
        endpoint: 'https://blobs.internal',
        flags: ['--bwlimit=8M'],
        'off-site': true,
      },
    },
    retention: {
      all: { hourly: 5, daily: '10d', weekly: 3, monthly: '1y', quarterly: 6, yearly: 3, 'week-starts': 'sunday' },
      reaches: {
        hourly: '9h',
        daily: 4,
        weekly: '8w',
        monthly: 7,
        quarterly: '2y',
        yearly: '3y',
        'week-starts': 'monday',
      },
      newest: { last: 5, monthly: 2 },
      tagged: { within: '30h', tags: ['keep', 'blue'] },
      floor: { last: 2, floor: 9 },
    },
    signing: { key: { secret: 'key' }, public: 'signing.pub' },
    defaults: {
      transforms: 'sealed',
      destinations: ['main', 'nas'],
      retention: { main: 'all', nas: { last: 3 } },
      require: 1,
      schedule: '0 2 * * *',
      expect: { 'min-size': '1MiB' },
      verify: ['content', { restore: { every: '7d' } }],
      hooks: { before: [run('a')], after: [run('b')], 'on-failure': [run('c')], finally: [run('d')] },
      restore: { after: [run('default')] },
      layout: '{yyyy}/{id}{ext}',
      tags: ['default'],
      priority: { nice: 5 },
      timeout: '3h',
    },
    hooks: everyHook(false),
    backups: {
      plain: { source: 'logs' },
      shown: {
        source: 'logs',
        transforms: [],
        destinations: ['forge'],
        retention: { last: 9 },
        allow: { 'fewer-copies': 'the forge has its own', 'fewer-off-site': 'the forge has its own' },
      },
      db: {
        source: { type: 'sqlite', path: 'shop.sqlite' },
        transforms: [{ gzip: { level: 7 } }, { zstd: { level: 5 } }, 'small'],
        destinations: ['main', 'nas', { archive: { tiers: ['monthly', 'yearly'] } }],
        retention: { main: 'newest', nas: 'tagged', archive: null },
        require: 2,
        schedule: '30 1,13 * * *',
        objectives: { rpo: '14h', rto: '1h', copies: 3, media: 2, 'off-site': 1 },
        expect: {
          'max-age': '15h',
          'min-size': '2MiB',
          'max-size': '90MiB',
          size: { 'at-least': '50%', 'at-most': '200%' },
          duration: { 'at-least': '40%', 'at-most': '300%' },
          'max-duration': '2h',
        },
        verify: [
          { checksum: { every: '3d', at: 'nas' } },
          { content: { every: '2d' } },
          { restore: { every: '9d', assert: everySqlAssertion } },
        ],
        hooks: everyHook(),
        restore: {
          to: 'restored/old.sqlite',
          before: everyStep('before-restore'),
          assert: everySqlAssertion,
          stop: [
            { run: ['app', 'down'], start: ['app', 'up'], timeout: '1m' },
            { systemd: 'shop.service', timeout: '2m' },
            { docker: 'shop', timeout: '3m' },
            { compose: { service: 'web', project: 'shop', file: 'compose.yaml' }, timeout: '4m' },
          ],
          after: everyStep('after-restore'),
          safety: { destinations: ['nas'], within: '3d' },
        },
        layout: '{backup}/{tier}/{id}{ext}',
        tags: ['keep', 'db'],
        priority: { nice: 10, io: 'idle' },
        timeout: '2h',
      },
      www: {
        source: 'www',
        transforms: [{ gpg: { passphrase: { secret: 'key' } } }],
        destinations: ['main', { type: 'local', path: 'own', 'off-site': true }, 'nas'],
        retention: 'reaches',
        verify: [{ checksum: {} }, { restore: { assert: everyFileAssertion } }],
        restore: { overwrite: true, assert: everyFileAssertion, options: { owner: true, permissions: false } },
        priority: { io: 'low' },
        schedule: null,
      },
      feed: {
        source: 'feed',
        transforms: [
          { age: { recipients: [`age1${'q'.repeat(58)}`, 'age.txt'], identities: ['age.key', 'age2.key'] } },
        ],
        retention: 'floor',
        verify: ['content'],
        restore: {
          before: everyStep('before-restore', false),
          stop: [{ run: ['feed', 'down'], start: ['feed', 'up'] }],
          after: everyStep('after-restore', false),
        },
        allow: { 'no-restore-test': 'the service has its own' },
      },
      ids: {
        source: { type: 'command', run: ['ids'] },
        transforms: [
          { age: { recipients: ['ssh-ed25519 AAAA'], identities: { secret: 'spoken' } } },
          { gpg: { recipients: [ops.publicFile], 'sign-with': dev.privateFile, identity: ops.privateFile } },
        ],
        destinations: ['main', 'nas', 'deep', 'remote'],
        retention: null,
        verify: [{ restore: {} }],
      },
      stale: {
        source: 'logs',
        destinations: ['main', 'cloud', 'vault', 'plain', 'remote'],
        transforms: 'sealed',
        retention: { last: 4, floor: 2 },
        layout: '{backup}/{id}{ext}',
      },
      first: { source: 'logs', layout: '{backup}/{id}{ext}' },
      second: { source: { type: 'command', run: ['second'] } },
      third: {
        source: { type: 'command', run: ['third'] },
        transforms: 'sealed',
        destinations: ['main', 'box', 'drive', 'lent', 'google', 'google-file', 'blobs'],
        retention: { last: 4 },
      },
    },
    groups: {
      pair: {
        together: ['first', 'second'],
        quiesce: { before: [run('still')], after: [run('on')], 'max-hold': '12h' },
      },
    },
    tasks: { scan: { schedule: '0 3 * * 0', steps: everyStep('scan', false), hooks: everyHook(false) } },
  };
}
