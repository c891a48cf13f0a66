/**
 * Full and read-only disks, clocks that are wrong, keys that are missing or wrong, restores of what is corrupt or hostile. Every
 * case ends with the right exit code and one sentence that says where. Signals and leases: signals.test.ts, locks.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clockOf } from '../helpers/clock.ts';
import { type Finished, runner, temporaryDirectory } from '../helpers/runner.ts';
import { idAt, layAgain, modelOf } from './shelf.ts';
import { filesBelow, hashes, isOnPath, isSentence, partialBackup, printTable, sha256OfFile } from './support.ts';
import { tarOf } from './tar.ts';

const home = temporaryDirectory('runner-faults-');
const rows: { fault: string; exit: number; said: string }[] = [];
let root: string;
let plan: string;
let disk: string;
let tmp: string;
const mounts: string[] = [];
let turn = 0;

beforeEach(async () => {
  turn += 1;
  root = join(home.path, String(turn));
  [plan, disk, tmp] = [join(root, 'plan.yaml'), join(root, 'disk'), join(root, 'tmp')];
  for (const folder of [disk, tmp]) await mkdir(folder, { recursive: true });
});
afterEach(() => {
  for (const folder of mounts.splice(0)) execFileSync('umount', ['-l', folder]);
});
afterAll(() => {
  printTable('faults', rows);
  home.remove();
});

const canMount = tries(() => {
  const { path, remove } = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'pipe' });
  execFileSync('umount', [path]);
  remove();
});
const canFake = isOnPath('faketime');
for (const [can, what] of [
  [canMount, 'mounting a tmpfs'],
  [canFake, 'faketime'],
] as const)
  if (!can) console.warn(`skipped: what needs ${what}`);

function tries(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function mount(folder: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  mounts.push(folder);
}

type Parts = { source?: string; transforms?: string; more?: string; top?: string };
async function writePlan({
  source = '{ type: command, run: [cat, data.bin] }',
  transforms = '[]',
  more = '',
  top = '',
}: Parts = {}) {
  await writeFile(
    plan,
    `version: 1\nname: shop\ntimezone: UTC\n${top}destinations: { disk: { type: local, path: disk } }\nbackups:\n  orders:\n    source: ${source}\n    transforms: ${transforms}\n    destinations: [disk]\n    retention: { last: 2 }\n${more}`,
  );
}

const run = (words: string[], env: Record<string, string | undefined> = {}) =>
  runner(words, { env: { TMPDIR: tmp, ...env } });

/** The exit code is right, and one sentence names the place; nothing of a stack. */
function told(fault: string, end: Finished, codes: number[], words: RegExp): void {
  const sentence =
    end.stderr.split('\n').findLast((line) => words.test(line)) ??
    end.stdout.split('\n').findLast((line) => words.test(line)) ??
    '';
  rows.push({ fault, exit: end.exitCode ?? -1, said: sentence.replaceAll(home.path, '').slice(0, 150) });
  expect(codes, `${fault}: ${end.stdout}${end.stderr}`).toContain(end.exitCode);
  expect(`${end.stdout}${end.stderr}`, fault).toMatch(words);
  expect(isSentence(end.stderr), `${fault}: ${end.stderr}`).toBe(true);
}

async function good(...words: string[]): Promise<Finished> {
  const end = await run(words);
  expect(end.exitCode, `${words.join(' ')}: ${end.stdout}${end.stderr}`).toBe(0);
  return end;
}

const manifests = () =>
  filesBelow(disk)
    .filter((file) => file.endsWith('.manifest.json'))
    .sort();
async function nothingHalf(): Promise<void> {
  expect(await partialBackup(disk)).toBeNull();
  expect(filesBelow(disk).filter((file) => file.includes('.part-') || file.includes('/journal/'))).toEqual([]);
  expect(readdirSync(tmp)).toEqual([]);
}

describe.skipIf(!canMount)('a disk', () => {
  it('that is full at the destination keeps the old backups and shows nothing new', async () => {
    mount(disk, 'size=3m');
    await writePlan();
    await writeFile(join(root, 'data.bin'), randomBytes(1_000_000));
    await good('apply', plan);
    const old = await hashes(
      disk,
      filesBelow(join(disk, 'shop/orders')).map((file) => `shop/orders/${file}`),
    );
    // It grows while it is read, so that no check beforehand could know.
    await writeFile(join(root, 'data.bin'), randomBytes(6_000_000));
    const end = await run(['apply', plan]);
    told('destination full', end, [2], /disk.*(no space|is full)/i);
    expect(await hashes(disk, [...old.keys()])).toEqual(old);
    expect(manifests()).toHaveLength(1);
    await nothingHalf();
    await writeFile(join(root, 'data.bin'), randomBytes(500_000));
    await good('apply', plan);
  });

  it('that is full where temporary files go fails the backup', async () => {
    mount(tmp, 'size=256k');
    const database = new Database(join(root, 'live.sqlite'));
    database.exec(
      'create table t(a); with recursive n(i) as (select 1 union all select i + 1 from n where i < 500) insert into t select randomblob(4000) from n',
    );
    database.close();
    await writePlan({ source: '{ type: sqlite, path: live.sqlite }' });
    told('TMPDIR full', await run(['apply', plan]), [2, 4], /is full|no space/i);
    expect(manifests()).toEqual([]);
    await nothingHalf();
  });

  it('that is read-only is said to be', async () => {
    await writePlan();
    await writeFile(join(root, 'data.bin'), 'data');
    mount(disk, 'size=1m,ro');
    told('destination read-only', await run(['apply', plan]), [2], /disk.*read-only|read-only.*disk/is);
    told('destination read-only, prune', await run(['prune', '--yes', plan]), [2], /disk.*read-only|read-only.*disk/is);
    expect(manifests()).toEqual([]);
  });
});

describe.skipIf(!canFake)('a clock', () => {
  const faked = (by: string, words: string[]) => run(words, clockOf(by));
  beforeEach(async () => {
    await writePlan();
    await writeFile(join(root, 'data.bin'), 'some data');
    const made = await good('apply', '--json', plan);
    const id = /"id":"(orders-[^"]+)"/.exec(made.stdout)![1]!;
    const model = await modelOf(disk, 'shop', id);
    for (const days of [5, 4, 3])
      await layAgain(model, idAt('orders', new Date(Date.now() - days * 86_400_000), days), {
        marks: [['checksum', 'pass']],
      });
  });

  it.each([
    ['a day ahead', '+1d'],
    ['a day behind', '-1d'],
  ])('%s lets a capture go on and stops every prune', async (name, by) => {
    const before = manifests();
    told(`clock ${name}, prune`, await faked(by, ['prune', '--yes', plan]), [1, 2], /clock|future/);
    expect(manifests()).toEqual(before);
    told(`clock ${name}, apply`, await faked(by, ['apply', plan]), [0, 1, 2], /clock|future/);
    expect(manifests()).toEqual(expect.arrayContaining(before));
    expect(manifests()).toHaveLength(before.length + 1);
    await nothingHalf();
  });

  it('that was ahead once leaves a backup in the future, and nothing is pruned by it', async () => {
    const model = await modelOf(disk, 'shop', manifests().at(-1)!.split('/').at(-1)!.split('.')[0]!);
    await layAgain(model, idAt('orders', new Date(Date.now() + 86_400_000), 9), { marks: [['checksum', 'pass']] });
    const before = manifests();
    told('a backup from tomorrow', await run(['prune', '--yes', plan]), [1, 2], /in the future/);
    expect(manifests()).toEqual(before);
  });
});

describe('a key', () => {
  const aes = {
    top: 'secrets: { key: { file: key } }\n',
    transforms: '[{ aes: { key: { secret: key }, iterations: 10000 } }]',
    more: '    verify: [content]\n',
  };
  beforeEach(async () => {
    await writeFile(join(root, 'data.bin'), randomBytes(50_000));
    await writeFile(join(root, 'key'), 'the right one\n', { mode: 0o600 });
    await writePlan(aes);
  });

  it('that is missing stops the run before anything starts', async () => {
    await rm(join(root, 'key'));
    told('key missing, apply', await run(['apply', plan]), [2, 4], /key/);
    expect(manifests()).toEqual([]);
    await nothingHalf();
  });

  it('that is wrong proves nothing, restores nothing, and does not spoil what is there', async () => {
    await good('apply', plan);
    const before = filesBelow(disk).filter((file) => /-(pass|fail)-/.test(file));
    await writeFile(join(root, 'key'), 'the wrong one\n', { mode: 0o600 });
    told('key wrong, verify', await run(['verify', plan]), [2], /orders.*(key|passphrase|MAC|trusted)/is);
    expect(
      filesBelow(disk).filter((file) => /-fail-/.test(file)),
      'a wrong key is no damage',
    ).toEqual([]);
    expect(filesBelow(disk).filter((file) => /-(pass|fail)-/.test(file)).length).toBeGreaterThanOrEqual(before.length);
    const to = join(root, 'restored');
    told(
      'key wrong, restore',
      await run(['restore', plan, 'orders', '--latest', '--to', to]),
      [2, 4],
      /orders.*(key|passphrase|MAC|trusted)/is,
    );
    expect(existsSync(to)).toBe(false);
    await writeFile(join(root, 'key'), 'the right one\n', { mode: 0o600 });
    await good('verify', plan);
    await good('restore', plan, 'orders', '--latest', '--to', to);
    expect(readFileSync(to).equals(readFileSync(join(root, 'data.bin')))).toBe(true);
  });
});

describe('a corrupt artifact', () => {
  const cases: [string, (path: string) => Promise<void>][] = [
    [
      'a flipped bit',
      async (path) => {
        const bytes = readFileSync(path);
        bytes[Math.floor(bytes.length / 2)]! ^= 4;
        await writeFile(path, bytes);
      },
    ],
    ['cut at 60 %', async (path) => truncate(path, Math.floor(lstatSync(path).size * 0.6))],
    ['cut by a byte', async (path) => truncate(path, lstatSync(path).size - 1)],
    ['gone', (path) => rm(path)],
  ];

  it.each(cases)('(%s) never touches the live database it was to replace', async (name, damage) => {
    const live = join(root, 'live.sqlite');
    const database = new Database(live);
    database.exec('pragma journal_mode = wal; create table t(a); insert into t values (hex(randomblob(20000)))');
    await writePlan({
      source: '{ type: sqlite, path: live.sqlite }',
      transforms: '[gzip]',
      more: '    restore: { overwrite: true }\n',
    });
    await good('apply', plan);
    database.exec("insert into t values ('since then')");
    const files = ['live.sqlite', 'live.sqlite-wal'];
    const before = await hashes(root, files);
    await damage(join(disk, filesBelow(disk).find((file) => file.endsWith('.sqlite.gz'))!));
    told(
      `restore, ${name}`,
      await run(['restore', plan, 'orders', '--latest', '--yes', '--no-safety-backup']),
      [2],
      /orders.*(what was backed up|missing|incomplete)/is,
    );
    expect(await hashes(root, files)).toEqual(before);
    expect(database.prepare('select count(*) as n from t').get()).toMatchObject({ n: 2 });
    database.close();
    expect(readdirSync(root).filter((file) => file.includes('runner-'))).toEqual([]);
    expect(readdirSync(tmp)).toEqual([]);
  });
});

describe('a hostile archive', () => {
  const outside = () => join(root, 'outside.txt');
  const archives: [string, () => Buffer][] = [
    ['an absolute path', () => tarOf([{ name: outside(), body: 'theirs' }])],
    [
      'a path that climbs',
      () =>
        tarOf([
          { name: '../outside.txt', body: 'theirs' },
          { name: 'a/../../outside.txt', body: 'theirs' },
        ]),
    ],
    [
      'a link that leads out, and a file through it',
      () =>
        tarOf([
          { name: 'way', type: '2', link: root },
          { name: 'way/outside.txt', body: 'theirs' },
        ]),
    ],
    [
      'a hard link to what lies outside',
      () =>
        tarOf([
          { name: 'alias', type: '1', link: outside() },
          { name: 'alias', body: 'theirs' },
        ]),
    ],
    ['a program with setuid', () => tarOf([{ name: 'program', mode: 0o6755, body: '#!/bin/sh\n' }])],
  ];

  it.each(archives)('with %s stays in its folder', async (name, archive) => {
    await mkdir(join(root, 'files'));
    await writeFile(join(root, 'files', 'a.txt'), 'honest');
    await writeFile(outside(), 'ours');
    const before = await sha256OfFile(outside());
    await writePlan({ source: '{ type: files, base: files, paths: [.] }' });
    const made = await good('apply', '--json', plan);
    const [, id, key] = /"event":"committed".*?"id":"([^"]+)".*?"key":"([^"]+)"/.exec(made.stdout)!;
    const model = await modelOf(disk, 'shop', id!);
    const bytes = archive();
    const hostile = idAt('orders', new Date(Date.now() + 1000), 3);
    const artifact = {
      ...model.manifest.artifacts[0]!,
      key: key!.replace(id!, hostile),
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    };
    await layAgain(model, hostile, { change: { artifacts: [artifact], plainSize: null } });
    await writeFile(join(disk, artifact.key), bytes);
    const to = join(root, 'restored');
    const end = await run(['restore', plan, 'orders', '--id', hostile, '--to', to]);
    rows.push({
      fault: `tar: ${name}`,
      exit: end.exitCode ?? -1,
      said:
        end.exitCode === 0
          ? 'restored without it'
          : (end.stderr.split('\n').find((line) => line.startsWith('runner:')) ?? end.stdout.split('\n')[0]!)
              .replaceAll(home.path, '')
              .slice(0, 150),
    });
    expect([0, 1, 2], end.stderr).toContain(end.exitCode);
    expect(isSentence(end.stderr), end.stderr).toBe(true);
    expect(await sha256OfFile(outside())).toBe(before);
    expect(lstatSync(outside()).nlink).toBe(1);
    const program = join(to, 'program');
    if (existsSync(program)) expect(lstatSync(program).mode & 0o6000).toBe(0);
    if (end.exitCode !== 0) expect(existsSync(to)).toBe(false);
  });
});
