import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { effectivePlan, promises } from '../../../src/plan/config.ts';
import { lines, planWith, read } from './plans.ts';

const small = `version: 1
name: notes
backups:
  notes:
    source: { type: files, paths: [notes] }
    destinations: [{ type: local, path: copies }]
`;

describe('a small plan', () => {
  it('is whole, and every default is safe', async () => {
    const { resolved, directory } = await read(small);
    expect(resolved).toMatchObject({ name: 'notes', timezone: 'UTC', directory, secrets: {}, objectives: {} });
    expect(resolved!.destinations).toEqual({
      local: {
        name: 'local',
        type: 'local',
        spec: { type: 'local', path: join(directory, 'copies') },
        offSite: false,
        medium: 'local',
      },
    });
    expect(resolved!.backups).toEqual([
      {
        name: 'notes',
        source: { name: null, type: 'files', spec: { type: 'files', paths: [join(directory, 'notes')] } },
        transforms: [],
        destinations: [{ name: 'local' }],
        require: 1,
        retention: { local: null },
        objectives: {},
        expect: {},
        verify: [],
        hooks: { before: [], after: [], onFailure: [], finally: [] },
        restore: {
          overwrite: false,
          before: [],
          assert: [],
          stop: [],
          after: [],
          safety: { destinations: ['local'], within: { amount: 7, unit: 'd' } },
          options: {},
          as: {},
        },
        allow: {},
        tags: [],
      },
    ]);
  });

  it('that says nowhere is refused', async () => {
    const { diagnostics } = await read(small.replace(/ {4}destinations.*\n/, ''));
    expect(lines(diagnostics)).toEqual([
      '4:3 unknown-name backup "notes" names no destination ["destinations" here or in "defaults"]',
    ]);
  });
});

describe('defaults', () => {
  const head = `transforms: { sealed: [zstd] }
retention: { short: { last: 2 } }
defaults:
  transforms: sealed
  retention: short
  schedule: "0 2 * * *"
  expect: { min-size: 1KiB, size: { at-least: 50% } }
  hooks: { before: [{ run: [a] }], after: [{ run: [b] }] }
  verify: [content]
  tags: [x]`;

  it('hold where a backup says nothing', async () => {
    const { resolved } = await read(planWith({ head }));
    expect(resolved!.backups[0]).toMatchObject({
      transforms: [{ type: 'zstd', spec: {} }],
      retention: { main: { last: 2 } },
      schedule: '0 2 * * *',
      expect: { minSize: 1024, size: { atLeast: 0.5 } },
      tags: ['x'],
    });
  });

  it('are merged where they are maps, and replaced whole where they are not', async () => {
    const backup = `    expect: { size: { at-most: 200% } }
    hooks: { before: [{ run: [c] }] }
    transforms: []
    tags: [y]`;
    const { resolved } = await read(planWith({ head, backup }));
    expect(resolved!.backups[0]).toMatchObject({
      transforms: [],
      expect: { minSize: 1024, size: { atLeast: 0.5, atMost: 2 } },
      verify: [{ level: 'restore', every: 604800 }],
      hooks: { before: [{ run: ['c'] }], after: [] },
      tags: ['y'],
    });
  });

  it('are taken back by null', async () => {
    const { resolved } = await read(planWith({ head, backup: '    retention: null\n    schedule: null' }));
    expect(resolved!.backups[0]!.retention).toEqual({ main: null });
    expect(resolved!.backups[0]).not.toHaveProperty('schedule');
  });

  it('objectives of a backup add to those of the plan', async () => {
    const { resolved } = await read(
      planWith({ head: 'objectives: { rpo: 1d, rto: 2h }', backup: '    objectives: { rpo: 6h }' }),
    );
    expect(resolved!.backups[0]!.objectives).toEqual({
      rpo: { amount: 6, unit: 'h' },
      rto: { amount: 2, unit: 'h' },
    });
  });
});

describe('names', () => {
  const nearby: [string, string, string][] = [
    ['source', 'source: db\n', 'source: bd\n'],
    ['destination', 'destinations: [main]', 'destinations: [mian]'],
  ];
  it.each(nearby)('an unknown %s', async (noun, from, to) => {
    const { diagnostics } = await read(planWith({}).replace(from, to));
    expect(lines(diagnostics).join()).toMatch(new RegExp(`^\\d+:\\d+ unknown-name there is no ${noun} `));
  });

  it.each([
    ['    transforms: sealed', 'there is no list of transforms "sealed" [an entry "sealed" in "transforms"]'],
    ['    transforms: [gzipp]', 'there is no transform "gzipp" [aes, age, gpg, gzip, xz or zstd] (gzip)'],
    ['    transforms: [aes]', 'an aes transform needs "key"'],
    ['    transforms: [{ aes: { key: { secret: k } } }]', 'there is no secret "k" [an entry "k" in "secrets"]'],
    ['    retention: standard', 'there is no retention "standard" [an entry "standard" in "retention"]'],
    ['    retention: { main: standard }', 'there is no retention "standard" [an entry "standard" in "retention"]'],
    ['    retention: { mian: { last: 1 } }', 'backup "db" has no destination "mian" [main] (main)'],
    ['    restore: { safety: { destinations: [nas] } }', 'there is no destination "nas" [main]'],
    ['    verify: [{ checksum: { at: nas } }]', 'backup "db" has no destination "nas" [main]'],
    [
      '    hooks: { before: [{ run: [a], environment: { T: { secret: t } } }] }',
      'there is no secret "t" [an entry "t" in "secrets"]',
    ],
  ])('%s', async (backup, message) => {
    const text = planWith({ backup });
    const { diagnostics } = await read(
      backup.includes('verify') ? text.replace('    verify: [{ restore: { every: 7d } }]\n', '') : text,
    );
    expect(lines(diagnostics).map((line) => line.replace(/^\d+:\d+ unknown-name /, ''))).toContain(message);
  });

  it('a retention for each destination', async () => {
    const { resolved } = await read(
      planWith({ head: 'retention: { r: { last: 9 } }', backup: '    retention: { main: r }' }),
    );
    expect(resolved!.backups[0]!.retention).toMatchObject({ main: { last: 9, floor: 1, weekStarts: 'monday' } });
  });

  it('a list of transforms within a list', async () => {
    const { resolved } = await read(
      planWith({
        head: 'secrets: { k: { env: K } }\ntransforms: { sealed: [{ aes: { key: { secret: k } } }] }',
        backup: '    transforms: [{ zstd: { level: 9 } }, sealed]',
      }),
    );
    expect(resolved!.backups[0]!.transforms.map(({ type, spec }) => [type, spec])).toEqual([
      ['zstd', { level: 9 }],
      ['aes', { key: { secret: 'k' } }],
    ]);
  });

  it('a name such as constructor is a name like any other', async () => {
    const { diagnostics } = await read(planWith({}).replace('source: db\n', 'source: constructor\n'));
    expect(lines(diagnostics)).toEqual(['8:13 unknown-name there is no source "constructor" [db]']);
  });

  it('destinations inside backups are one when they say the same, and get names', async () => {
    const { resolved } = await read(`version: 1
name: shop
defaults: { destinations: [{ type: local, path: a }] }
backups:
  one: { source: { type: sqlite, path: one.db } }
  two: { source: { type: sqlite, path: two.db }, destinations: [{ type: local, path: a }, { type: local, path: b }] }
`);
    expect(resolved!.backups.map(({ destinations }) => destinations.map(({ name }) => name))).toEqual([
      ['local'],
      ['local', 'local-2'],
    ]);
    expect(Object.keys(resolved!.destinations)).toEqual(['local', 'local-2']);
  });
});

describe('paths', () => {
  it('begin at the folder of the file in which they are written', async () => {
    const base = `version: 1
name: base
secrets: { k: { file: keys/k } }
destinations: { main: { type: local, path: copies } }
defaults: { destinations: [main], restore: { to: restored } }
backups: { a: { source: { type: sqlite, path: a.db }, transforms: [{ aes: { key: { secret: k } } }] } }
`;
    const { resolved, directory } = await read({
      'plans/plan.yaml':
        'extends: ../base/base.yaml\nname: shop\nbackups: { b: { source: { type: sqlite, path: b.db } } }\n',
      'base/base.yaml': base,
    });
    expect(resolved!.secrets.k).toEqual({ optional: false, file: join(directory, 'base/keys/k') });
    expect(resolved!.destinations.main!.spec.path).toBe(join(directory, 'base/copies'));
    expect(resolved!.backups.map(({ source, restore }) => [source.spec.path, restore.to])).toEqual([
      [join(directory, 'base/a.db'), join(directory, 'base/restored')],
      [join(directory, 'plans/b.db'), join(directory, 'base/restored')],
    ]);
  });

  it('~ is the home directory, and paths of files are relative to their base', async () => {
    const { resolved, directory } = await read(`version: 1
name: shop
destinations: { main: { type: local, path: ~/copies } }
defaults: { destinations: [main] }
backups:
  a: { source: { type: files, base: data, paths: [uploads, "logs/*.log", /etc/shop, ~/x] } }
  b: { source: { type: files, paths: [uploads] } }
`);
    expect(resolved!.destinations.main!.spec.path).toBe(join(homedir(), 'copies'));
    const [a, b] = resolved!.backups;
    expect(a!.source.spec).toEqual({
      type: 'files',
      base: join(directory, 'data'),
      paths: [join(directory, 'data/uploads'), join(directory, 'data/logs/*.log'), '/etc/shop', join(homedir(), 'x')],
    });
    expect(b!.source.spec.paths).toEqual([join(directory, 'uploads')]);
  });

  it('a fingerprint or a public key is no path', async () => {
    const fingerprint = 'A'.repeat(40);
    const { resolved, directory } = await read(
      planWith({
        backup: `    transforms: [{ gpg: { recipients: [ops.asc, ${fingerprint}], identity: me.asc } }, { age: { recipients: [age1xyz, team.txt], identities: [id.txt] } }]`,
      }),
    );
    expect(resolved!.backups[0]!.transforms.map(({ spec }) => spec)).toEqual([
      { recipients: [join(directory, 'ops.asc'), fingerprint], identity: join(directory, 'me.asc') },
      { recipients: ['age1xyz', join(directory, 'team.txt')], identities: [join(directory, 'id.txt')] },
    ]);
  });
});

describe('the effective plan', () => {
  const text = `version: 1
name: shop
timezone: Europe/Berlin
objectives: { rpo: 25h, rto: 1h, copies: 3, off-site: 1 }
secrets: { k: { file: k }, s: { env: S, optional: true } }
sources: { db: { type: sqlite, path: shop.db } }
transforms: { sealed: [zstd, { aes: { key: { secret: k } } }] }
destinations: { main: { type: local, path: main, off-site: true, min-free: 1GiB }, nas: { type: local, path: nas } }
retention: { standard: { within: 7d, daily: 30d, yearly: 7 } }
signing: { key: { secret: s }, public: key.pub }
hooks: { before: [{ run: [a] }] }
defaults: { transforms: sealed, destinations: [main, nas], retention: standard, schedule: "0 2 * * *" }
backups:
  db:
    source: db
    retention: { main: standard, nas: { last: 3 } }
    verify: [content, { checksum: { every: 1w, at: nas } }, { restore: { every: 7d } }]
    restore: { stop: [{ compose: { service: app, file: compose.yaml } }], safety: { within: 2d } }
  files:
    source: { type: files, paths: [a] }
    destinations: [main, nas, { type: local, path: third }, { main: { tiers: [monthly] } }]
    allow: { duplicate-key: "x" }
`.replace(/, \{ main: \{ tiers: \[monthly\] \} \}\]\n.*\n/, ']\n');

  it('is a valid plan that comes to the same, wherever it lies', async () => {
    const first = await read(text);
    expect(first.diagnostics.map(({ rule }) => rule)).toEqual(['no-restore-test']);
    const again = await read(stringify(effectivePlan(first.resolved!)));
    expect(again.resolved!.digest).toBe(first.resolved!.digest);
    expect(effectivePlan(again.resolved!)).toEqual(effectivePlan(first.resolved!));
    expect({ ...again.resolved, file: '', directory: '' }).toEqual({ ...first.resolved, file: '', directory: '' });
  });

  it('changes its digest with anything that it says', async () => {
    const digests = new Set<string>();
    for (const [from, to] of [
      ['', ''],
      ['30d', '31d'],
      ['path: nas', 'path: nas2'],
      ['[a]', '[b]'],
      ['0 2', '0 3'],
    ]) {
      const { resolved } = await read({ 'plan.yaml': text.replace(from!, to!) });
      digests.add(resolved!.digest);
    }
    expect(digests.size).toBe(5);
  });

  it('says what is promised, a row a backup', async () => {
    const { resolved } = await read(text);
    expect(promises(resolved!)).toEqual([
      {
        backup: 'db',
        rpo: '25h',
        rto: '1h',
        copies: 3,
        media: 1,
        offSite: 1,
        oldest: '7 years',
        proof: 'checksum, content, checksum every 7d, restore every 7d',
        waivers: {},
      },
      expect.objectContaining({ backup: 'files', copies: 4, proof: 'checksum' }),
    ]);
  });

  it('of a plan without retention keeps for ever', async () => {
    const { resolved } = await read(small);
    expect(promises(resolved!)[0]).toMatchObject({ oldest: 'for ever', rpo: null, copies: 2, offSite: 0 });
  });
});

describe('units', () => {
  it('are numbers afterwards', async () => {
    const { resolved } = await read(
      planWith({
        backup: `    timeout: 2h
    expect: { max-age: 1w, min-size: 1MiB, max-size: 1GB, duration: { at-most: 300% }, max-duration: 90m }
    hooks: { after: [{ http: "http://x/", within: 2m, timeout: 5s }, { manual: look }, { sql: "select 1", timeout: 1m }] }
    restore:
      assert:
        - { file: a.txt, size: { at-least: 1KiB }, sha256: ${'AB'.repeat(32)} }
        - { sql: "select 1", compare: source, tolerance: 5% }
        - { count: ".", at-least: 3 }
        - { command: [check], equals: ok }
      stop: [{ systemd: shop, timeout: 30s }, { run: [a], start: [b] }, { docker: c }]`,
      }),
    );
    expect(resolved!.backups[0]).toMatchObject({
      timeout: 7200,
      expect: { maxAge: 604800, minSize: 1048576, maxSize: 1e9, duration: { atMost: 3 }, maxDuration: 5400 },
      hooks: {
        after: [{ http: 'http://x/', within: 120, timeout: 5 }, { manual: 'look' }, { sql: 'select 1', timeout: 60 }],
      },
    });
    expect(resolved!.backups[0]!.restore.assert).toEqual([
      { file: 'a.txt', exists: true, size: { atLeast: 1024 }, sha256: 'ab'.repeat(32) },
      { sql: 'select 1', compare: 'source', tolerance: 0.05 },
      { count: '.', atLeast: 3 },
      { command: ['check'], equals: 'ok' },
    ]);
    expect(resolved!.backups[0]!.restore.stop).toEqual([
      { systemd: 'shop', timeout: 30 },
      { run: ['a'], start: ['b'] },
      { docker: 'c' },
    ]);
  });
});
