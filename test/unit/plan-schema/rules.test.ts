import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { printDiagnostics } from '../../../src/plan/print.ts';
import { rules } from '../../../src/plan/rules/index.ts';
import { lines, planWith, read } from './plans.ts';

const pages = resolve(import.meta.dirname, '../../../src/plan/rules');

describe('every rule', () => {
  it.each(rules.map((rule) => [rule.id, rule] as const))('%s has a page that says how much it weighs', (id, rule) => {
    const page = readFileSync(resolve(pages, `${id}.md`), 'utf8');
    expect(page.startsWith(`# ${id}\n`)).toBe(true);
    expect(page.toLowerCase()).toContain(`*${rule.severity}, ${rule.waivable ? 'can' : 'cannot'} be waived.*`);
  });

  it('and no page is left over', () => {
    const known = new Set([...rules.map(({ id }) => id), 'unknown-name', 'allow']);
    const left = readdirSync(pages).filter((name) => name.endsWith('.md') && !known.has(name.slice(0, -3)));
    expect(left).toEqual([]);
    expect(existsSync(resolve(pages, 'allow.md'))).toBe(true);
  });
});

/** What a rule says of a plan, without its id. */
async function said(rule: string, plan: { head?: string; backup?: string } | string): Promise<string[]> {
  const { diagnostics } = await read(typeof plan === 'string' ? plan : planWith(plan));
  return lines(diagnostics.filter((diagnostic) => diagnostic.rule === rule)).map((line) =>
    line.replace(` ${rule}`, ''),
  );
}

const daily = '    schedule: "0 2 * * *"\n';

type Case = [
  rule: string,
  wrong: { head?: string; backup?: string },
  message: string,
  right: { head?: string; backup?: string },
];
const cases: Case[] = [
  ['unused-name', { head: 'secrets: { k: { env: K } }' }, '5:12 nothing uses "k" of secrets', {}],
  [
    'unknown-timezone',
    { head: 'timezone: Europe/Berlim' },
    '5:11 there is no zone "Europe/Berlim" [a zone such as Europe/Berlin] (Europe/Berlin)',
    { head: 'timezone: Europe/Berlin' },
  ],
  [
    'rpo-unreachable',
    { head: 'objectives: { rpo: 6h }', backup: daily },
    '11:15 backup "db" promises an RPO of 6h, but up to 1d lie between two runs',
    { head: 'objectives: { rpo: 1d }', backup: daily },
  ],
  [
    'rpo-unreachable',
    { head: 'objectives: { rpo: 1d }\ntimezone: Europe/Berlin', backup: daily },
    '12:15 backup "db" promises an RPO of 1d; when the clocks change, 1d 1h lie between two runs',
    { head: 'objectives: { rpo: 25h }\ntimezone: Europe/Berlin', backup: daily },
  ],
  [
    'schedule-never',
    { backup: '    schedule: "0 2 30 2 *"' },
    '11:15 the schedule "0 2 30 2 *" never comes [days that exist, and ranges that run upwards]',
    { backup: '    schedule: "0 2 29 2 *"' },
  ],
  [
    'retention-keeps-nothing',
    { backup: `${daily}    retention: { within: 1h }` },
    '12:16 the retention of backup "db" keeps nothing at "main" but the newest backup [a count, or a reach longer than the time between two runs]',
    { backup: `${daily}    retention: { within: 2d }` },
  ],
  [
    'retention-keeps-nothing',
    { backup: '    retention: { monthly: 7d, floor: 1 }' },
    '11:16 the retention of backup "db" keeps nothing at "main" but the newest backup [a count, or a reach longer than the time between two runs]',
    { backup: '    retention: { monthly: 60d }' },
  ],
  [
    'retention-keeps-nothing',
    { backup: '    retention: { week-starts: sunday }' },
    '11:16 the retention of backup "db" keeps nothing at "main" but the newest backup [a count, or a reach longer than the time between two runs]',
    { backup: '    retention: { last: 1 }' },
  ],
  [
    'require-too-high',
    { backup: '    require: 2' },
    '11:14 backup "db" wants 2 copies and has 1 destination [at most 1]',
    { backup: '    require: 1' },
  ],
  [
    'layout-collision',
    { backup: '    layout: "{yyyy}/{mm}/x"' },
    '11:13 the layout of backup "db": its last part needs {id} or {timestamp}, so that no two backups share a name',
    { backup: '    layout: "{tier}/{yyyy}/{id}{ext}"' },
  ],
  [
    'contradiction',
    { backup: `${daily}    expect: { max-age: 7h }` },
    '12:24 backup "db" may be 7h old, but up to 1d lie between two runs [more than 1d]',
    { backup: `${daily}    expect: { max-age: 25h }` },
  ],
  [
    'contradiction',
    { backup: '    expect: { min-size: 1GiB, max-size: 1MiB }' },
    '11:41 the upper bound is below the lower one',
    { backup: '    expect: { min-size: 1MiB, max-size: 1GiB }' },
  ],
  [
    'contradiction',
    { backup: '    restore: { assert: [{ sql: a, at-least: 2, at-most: 1 }] }' },
    '11:57 the upper bound is below the lower one',
    { backup: '    restore: { assert: [{ sql: a, at-least: 1, at-most: 1 }] }' },
  ],
  [
    'fewer-copies',
    { head: 'objectives: { copies: 3 }' },
    '9:5 backup "db" promises 3 copies, but there are 2 with the live data [2 destinations that take every backup]',
    { head: 'objectives: { copies: 2 }' },
  ],
  [
    'fewer-media',
    { backup: '    objectives: { media: 2 }' },
    '9:5 backup "db" promises copies on 2 different media and has 1 (local) [destinations of other types, or with another "medium", that take every backup]',
    { backup: '    objectives: { media: 1 }' },
  ],
  [
    'fewer-off-site',
    { backup: '    objectives: { off-site: 1 }' },
    '9:5 backup "db" promises 1 off-site copy and has none [destinations with "off-site: true" that take every backup]',
    { backup: '    objectives: { off-site: 0 }' },
  ],
  [
    'cannot-answer',
    { head: 'hooks: { before: [{ sql: select 1 }] }' },
    '5:26 a hook of the whole plan has no data to ask [sql in the hooks of a backup]',
    { backup: '    hooks: { before: [{ sql: select 1 }] }' },
  ],
  [
    'unknown-option',
    { backup: '    restore: { options: { owner: true } }' },
    '11:27 the restore of a sqlite source has no option "owner"',
    {},
  ],
  [
    'no-effect',
    { backup: '    restore: { overwrite: true }' },
    '11:16 "overwrite" does nothing for a sqlite source which is restored as one file',
    { head: 'defaults: { restore: { overwrite: true } }' },
  ],
];

describe('rules', () => {
  it('contradiction: a level twice, of which no record could say which was checked', async () => {
    const twice = planWith({}).replace('{ every: 7d } }', '{ every: 7d } }, content, { restore: {} }');
    expect(await said('contradiction', twice)).toEqual([
      '10:51 backup "db" is verified by "restore" twice [each level once]',
    ]);
    expect(await said('contradiction', twice.replace(', { restore: {} }', ''))).toEqual([]);
  });

  it.each(cases)('%s: %j', async (rule, wrong, message, right) => {
    expect(await said(rule, wrong)).toEqual([message]);
    expect(await said(rule, right)).toEqual([]);
  });

  const elsewhere = (rest: string) => `version: 1
name: shop
sources: { db: { type: files, paths: [a] } }
destinations: { main: { type: local, path: /a, off-site: true }, same: { type: local, path: /a/ }, nas: { type: local, path: /b } }
secrets: { k: { env: K } }
backups:
  db:
    source: db
${rest}`;

  it('duplicate-key: the same place by two names, or one name twice', async () => {
    expect(await said('duplicate-key', elsewhere('    destinations: [main, same]\n'))).toEqual([
      '9:26 backup "db" goes to "main" and "same", which are the same place [each place once]',
    ]);
    expect(await said('duplicate-key', elsewhere('    destinations: [nas, nas]\n'))).toEqual([
      '9:25 backup "db" goes to "nas" twice [each place once]',
    ]);
    expect(await said('duplicate-key', elsewhere('    destinations: [main, nas]\n'))).toEqual([]);
    const at = (endpoint: string) => `{ type: s3, bucket: some, endpoint: "${endpoint}" }`;
    const slashes = `    destinations: [${at('https://minio.test:443')}, ${at('https://MINIO.test/')}]\n`;
    expect((await said('duplicate-key', elsewhere(slashes))).join()).toMatch(/which are the same place/);
  });

  it('unencrypted-copy: only where it leaves the machine, and only without encryption', async () => {
    const copy = '9:20 backup "db" leaves the machine for "main" unencrypted [aes, gpg or age in "transforms"]';
    expect(await said('unencrypted-copy', elsewhere('    destinations: [main]\n    transforms: [gzip]\n'))).toEqual([
      copy,
    ]);
    expect(await said('unencrypted-copy', elsewhere('    destinations: [nas]\n'))).toEqual([]);
    const sealed = '    destinations: [main]\n    transforms: [{ aes: { key: { secret: k } } }]\n';
    expect(await said('unencrypted-copy', elsewhere(sealed))).toEqual([]);
  });

  it('defeats-deduplication: what is compressed or encrypted is stored in full; there nothing else need encrypt', async () => {
    const plan = (rest: string) => `version: 1
name: shop
secrets: { k: { env: K } }
destinations:
  deep: { type: restic, repository: /srv/restic, password: { secret: k }, off-site: true }
  nas: { type: local, path: nas }
backups:
  db:
    source: { type: sqlite, path: a }
${rest}`;
    const advice = (types: string) =>
      `10:25 backup "db" goes through ${types}, so "deep" stores each one in full instead of what has changed [no transforms: that destination compresses and encrypts by itself]`;
    const of = (rest: string) => said('defeats-deduplication', plan(`    destinations: [nas, deep]\n${rest}`));
    expect(await of('    transforms: [zstd]\n')).toEqual([advice('zstd')]);
    expect(await of('    transforms: [gzip, { aes: { key: { secret: k } } }]\n')).toEqual([advice('gzip, aes')]);
    expect(await of('')).toEqual([]);
    expect(await of('    transforms: [xz]\n    allow: { defeats-deduplication: few }\n')).toEqual([]);
    expect(await said('defeats-deduplication', plan('    destinations: [nas]\n    transforms: [zstd]\n'))).toEqual([]);
    expect(await said('unencrypted-copy', plan('    destinations: [nas, deep]\n'))).toEqual([]);
  });

  it('plain-tree: files as they are, in a folder of their own', async () => {
    const plan = (backups: string, path = '') => `version: 1
name: shop
sources: { etc: { type: files, paths: [a] }, ids: { type: command, run: [ids] } }
destinations: { forge: { type: git, repository: /srv/forge.git${path} } }
backups:
${backups}`;
    const of = (name: string, rest: string) => `  ${name}: { destinations: [forge], ${rest} }\n`;
    expect(await said('plain-tree', plan(of('a', 'source: etc') + of('b', 'source: etc')))).toEqual([]);
    expect(await said('plain-tree', plan(of('a', 'source: ids')))).toEqual([
      '6:39 a git destination holds plain files, and backup "a" reads a command source, which has none [a source of type files]',
    ]);
    expect(await said('plain-tree', plan(of('a', 'source: etc, transforms: [zstd]')))).toEqual([
      '6:56 a git destination holds plain files, and backup "a" changes them by zstd [transforms: []]',
    ]);
    const two = of('a', 'source: etc') + of('b', 'source: etc');
    expect(await said('plain-tree', plan(two, ', path: all'))).toEqual([
      '7:23 backups "a" and "b" show their files in the same folder (all) [{backup} in "path" of the destination]',
    ]);
    const nested =
      of('a', 'source: etc') +
      `  b: { source: etc, destinations: [{ type: git, repository: /srv/forge.git, path: a/b }] }\n`;
    expect(await said('plain-tree', plan(nested))).toHaveLength(1);
  });

  it('a destination with a filter is no copy of every backup', async () => {
    const filtered =
      '    destinations: [nas, { main: { tiers: [yearly] } }]\n    objectives: { copies: 3, off-site: 1 }\n';
    expect(await said('fewer-copies', elsewhere(filtered))).toHaveLength(1);
    expect(await said('fewer-off-site', elsewhere(filtered))).toHaveLength(1);
  });

  it('3-2-1 holds with two media, and media are what the plan calls them', async () => {
    const wanted = '    destinations: [nas, main]\n    objectives: { copies: 3, media: 2, off-site: 1 }\n';
    expect(await said('fewer-media', elsewhere(wanted))).toHaveLength(1);
    const named = elsewhere(wanted).replace('nas: { type: local,', 'nas: { type: local, medium: tape,');
    for (const rule of ['fewer-media', 'fewer-copies', 'fewer-off-site']) expect(await said(rule, named)).toEqual([]);
  });

  it('a quota whose warning comes too late, or is a part of nothing', async () => {
    const quota = (text: string) =>
      elsewhere('    destinations: [nas]\n').replace('nas: { type: local,', `nas: { type: local, quota: { ${text} },`);
    expect(await said('contradiction', quota('warn: 2GiB, fail: 1GiB'))).toEqual([
      expect.stringContaining('the quota of "nas" warns only when it is used up [at most 1GiB]'),
    ]);
    expect(await said('contradiction', quota('warn: 80%'))).toEqual([
      expect.stringContaining('"80%" is a part of "fail", which the quota of "nas" does not state'),
    ]);
    for (const right of ['fail: 1GiB', 'warn: 1GiB', 'warn: 80%, fail: 1GiB', 'warn: 1GiB, fail: 1GiB'])
      expect(await said('contradiction', quota(right))).toEqual([]);
  });

  it('lock-outlives-retention: what is locked longer than it is kept', async () => {
    const locked = (length: string, retention: string) =>
      planWith({ backup: `${daily}    retention: ${retention}` }).replace(
        '{ type: local, path: /srv/backups }',
        `{ type: s3, bucket: vault, object-lock: { mode: compliance, for: ${length} } }`,
      );
    expect(await said('lock-outlives-retention', locked('60d', '{ daily: 30d }'))).toEqual([
      '12:16 "main" locks backups of "db" for 60d, and the retention keeps them for 31d at most [`for: retention`, or a lock that is not longer]',
    ]);
    for (const right of [locked('30d', '{ daily: 30d }'), locked('retention', '{ daily: 3d }')])
      expect(await said('lock-outlives-retention', right)).toEqual([]);
  });

  it('lock-without-date: a lock for as long as a retention that says no time', async () => {
    const locked = (retention: string) =>
      planWith({ backup: `${daily}${retention}` }).replace(
        '{ type: local, path: /srv/backups }',
        '{ type: s3, bucket: vault, object-lock: { mode: compliance, for: retention } }',
      );
    expect(await said('lock-without-date', locked('    retention: { last: 3, daily: 7 }\n'))).toEqual([
      '12:16 "main" locks no backup of "db": it locks them for as long as the retention says, and that counts them, and says no time [a retention with a time (daily: 30d), or a lock with one (for: 30d)]',
    ]);
    expect((await said('lock-without-date', locked('')))[0]).toMatch(/and that keeps them for ever/);
    for (const right of ['within: 7d', 'last: 3, monthly: 1y'])
      expect(await said('lock-without-date', locked(`    retention: { ${right} }\n`))).toEqual([]);
  });

  it('no-restore-test: advice', async () => {
    expect(await said('no-restore-test', elsewhere('    destinations: [nas]\n'))).toEqual([
      '7:3 backup "db" is never restored to prove that it can be [verify: [{ restore: { every: 7d } }]]',
    ]);
  });

  it('cannot-answer and options of files', async () => {
    const asked =
      '    destinations: [nas]\n    restore: { assert: [{ sql: select 1, equals: 1 }], options: { owner: 1, ownr: true } }\n';
    expect(await said('cannot-answer', elsewhere(asked))).toEqual(['10:32 a files source answers no SQL']);
    expect(await said('unknown-option', elsewhere(asked))).toEqual([
      '10:74 owner cannot be 1 [true or false]',
      '10:77 the restore of a files source has no option "ownr" [owner or permissions] (owner)',
    ]);
  });

  it('cannot-answer: each question that a kind does not know; no-scratch: a server for files', async () => {
    const asked = `    destinations: [nas]
    verify:
      - restore: { assert: [{ key: a, equals: 1 }, { collection: b, equals: 1 }, { contents: counts, compare: source }] }
      - restore: { into: { docker: redis }, assert: [{ command: [c] }, { count: "**", at-least: 1 }] }
`;
    expect(await said('cannot-answer', elsewhere(asked))).toEqual([
      '11:36 a files source answers no question about keys',
      '11:66 a files source answers no question about collections',
      '11:94 a files source answers no question about its whole contents',
      '12:65 a program here does not reach the throw-away server in the container [into: scratch, or a question to the data]',
    ]);
    expect(await said('no-scratch', elsewhere(asked))).toEqual([
      '12:26 a files source is restored into a private folder, without a server [no into]',
    ]);
  });

  it('no-effect: a program that takes the stream has no target', async () => {
    const plan = (restore: string) => `version: 1
name: shop
backups:
  feed:
    source: { type: command, run: [a]${restore} }
    destinations: [{ type: local, path: b }]
    verify: [{ restore: { assert: [{ command: [c] }] } }]
    restore: { to: d, overwrite: true, assert: [{ command: [e] }], safety: { within: 1d }, after: [{ run: [f] }] }
`;
    const program = 'does nothing for a command source whose restore is a program';
    expect(await said('no-effect', plan(', restore: [b]'))).toEqual([
      '7:27 a command source whose restore is a program leaves nothing to assert on',
      `8:16 "to" ${program}`,
      `8:23 "overwrite" ${program}`,
      `8:40 "assert" ${program}`,
      `8:68 "safety" ${program}`,
    ]);
    expect(await said('no-effect', plan('').replace(' overwrite: true,', ''))).toEqual([]);
  });

  it('layout-collision: two backups with one layout', async () => {
    const two = (layout: string) => `version: 1
name: shop
defaults: { destinations: [{ type: local, path: /a }], layout: "${layout}" }
backups:
  one: { source: { type: sqlite, path: 1.db } }
  two: { source: { type: sqlite, path: 2.db } }
`;
    expect(await said('layout-collision', two('{timestamp}{ext}'))).toEqual([
      '3:64 backups "one" and "two" would write to the same names [{id} or {backup} in the layout]',
    ]);
    expect(await said('layout-collision', two('{backup}/{timestamp}{ext}'))).toEqual([]);
    expect(await said('layout-collision', two('../{id}{ext}'))).toHaveLength(2);
  });

  it('unused-name: a base is for several plans', async () => {
    const base = 'version: 1\nname: base\nsecrets: { k: { env: K } }\n';
    const text = planWith({}).replace('version: 1', 'extends: base.yaml\nversion: 1');
    const { diagnostics } = await read({ 'plan.yaml': text, 'base.yaml': base });
    expect(lines(diagnostics)).toEqual([]);
  });
});

describe('plain-secret', () => {
  const command = (environment: string, run: string) => `version: 1
name: shop
sources: { x: { type: command, run: ${run}, environment: ${environment} } }
backups: { b: { source: x, destinations: [{ type: local, path: /a }] } }
`;

  it.each([
    ['{ DB_PASSWORD: hunter2 }', '[dump]'],
    [`{ API_KEY: "\${T:-x}" }`, '[dump]'],
    ['{ TOKEN: abc }', '[dump]'],
    ['{ X: AKIAABCDEFGHIJKLMNOP }', '[dump]'],
    ['{ X: "postgres://me:hunter2@db/x" }', '[dump]'],
    ['{ X: "-----BEGIN OPENSSH PRIVATE KEY-----" }', '[dump]'],
    ['{ X: y }', '[dump, --password=hunter2]'],
  ])('finds %s in %s, and does not repeat it', async (environment, run) => {
    const { diagnostics } = await read(command(environment, run));
    const found = diagnostics.filter(({ rule }) => rule === 'plain-secret');
    expect(found).toHaveLength(1);
    expect(printDiagnostics(found)).not.toMatch(/hunter2|AKIA|BEGIN/);
  });

  it.each([
    ['{ PGPASSFILE: /etc/pass }', '[dump]'],
    ['{ PASSWORD_FILE: /etc/pass }', '[dump]'],
    ['{ X: "https://host/path" }', '[dump]'],
    ['{ DB_PASSWORD: "" }', '[dump]'],
    ['{ X: y }', '[dump, --password-file=x]'],
  ])('leaves %s in %s alone', async (environment, run) => {
    const { diagnostics } = await read(command(environment, run));
    expect(diagnostics.filter(({ rule }) => rule === 'plain-secret')).toEqual([]);
  });
});

describe('allow', () => {
  const copies = (allow: string) => ({ head: 'objectives: { copies: 3 }', backup: `    allow: { ${allow} }` });

  it('waives a rule for its backup', async () => {
    const { resolved, diagnostics } = await read(planWith(copies('fewer-copies: "the NAS comes in May"')));
    expect(diagnostics).toEqual([]);
    expect(resolved!.backups[0]!.allow).toEqual({ 'fewer-copies': 'the NAS comes in May' });
  });

  const waivable = rules.filter((rule) => rule.waivable).map(({ id }) => id);
  const known = `${waivable.slice(0, -1).join(', ')} or ${waivable.at(-1)}`;
  it.each([
    ['fewer-copies: a, no-restore-test: b', '11:31 allow backup "db" needs no waiver of "no-restore-test"'],
    ['fewer-copies: a, fewer-copys: b', `11:31 allow there is no rule "fewer-copys" [${known}] (fewer-copies)`],
    ['fewer-copies: a, duplicate-key: b', `11:31 allow rule "duplicate-key" cannot be waived [${known}]`],
  ])('%s', async (allow, message) => {
    const { resolved, diagnostics } = await read(planWith(copies(allow)));
    expect(resolved).toBeNull();
    expect(lines(diagnostics)).toEqual([message]);
  });

  it('needs a reason', async () => {
    const { diagnostics } = await read(planWith(copies('fewer-copies: ""')));
    expect(lines(diagnostics)).toEqual(['11:28 schema "" is not some text [some text]']);
  });

  it('waives what stands in a shared source only when every backup that uses it agrees', async () => {
    const shared = (second: string) => `version: 1
name: shop
sources: { x: { type: command, run: [a], environment: { PASSWORD: p } } }
defaults: { destinations: [{ type: local, path: /a }] }
backups:
  one: { source: x, allow: { plain-secret: public } }
  two: { source: x${second} }
`;
    expect(await said('plain-secret', shared(''))).toHaveLength(1);
    expect(await said('plain-secret', shared(', allow: { plain-secret: public }'))).toEqual([]);
  });
});

describe('path-elsewhere', () => {
  const plan = (source: string) => `version: 1
name: shop
sources: { db: ${source} }
backups:
  db: { source: db, destinations: [{ type: local, path: out }] }
  again: { source: db, destinations: [{ type: local, path: again }] }
`;
  const ssh = 'run-in: { ssh: { host: h, key: keys/id } }';

  it('paths of a source that runs elsewhere are that place’s, and full', async () => {
    expect(await said('path-elsewhere', plan(`{ type: sqlite, path: data/x.db, ${ssh} }`))).toEqual([
      '3:38 "data/x.db" is a path where the source runs, and nothing tells where it begins there [a full path, from / on]',
    ]);
    expect(await said('path-elsewhere', plan(`{ type: files, paths: [/a, ~/b], ${ssh} }`))).toHaveLength(1);
    expect(await said('path-elsewhere', plan(`{ type: files, base: /a, paths: [b], ${ssh} }`))).toEqual([]);
    expect(await said('path-elsewhere', plan('{ type: sqlite, path: x.db, run-in: { user: app } }'))).toEqual([]);
  });

  it('those of `run-in` itself are here', async () => {
    const { directory, resolved } = await read(plan(`{ type: sqlite, path: /x.db, ${ssh} }`));
    const { spec, place } = resolved!.backups[0]!.source;
    expect([spec.path, place]).toEqual(['/x.db', { ssh: { host: 'h', key: `${directory}/keys/id` } }]);
  });
});
