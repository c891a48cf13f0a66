/** rusty-saas, document 003: its disasters, and its way back by the lines of plans/README.md. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { full } from '../proofs/support.ts';
import { recoveryOf } from './support/page.ts';
import { canServe, startWorld, type World } from './support/rusty-saas.ts';
import { fill, isRight, ofDatabase, ofFiles } from './support/rusty-saas-data.ts';
import { line, succeed } from './support/shell.ts';
import { newestIn } from './support/trees.ts';

type Row = { id: string; backup: string; state: string; copies: { destination: string }[] };

const plan = 'plans/rusty-saas.yaml';
const Bucket = 'your-backup-bucket';
const [database, oldFile, immutable, configuration, appData, ...rebuild] = recoveryOf('rusty-saas', 8);

/** What is tried with `PROOF=full` alone stands in the tests of another plan, or of the part that does it, too. */
describe.skipIf(!canServe())('rusty-saas', { timeout: 3_600_000 }, () => {
  let world: World;
  const run = async (text: string) => await succeed(text, world.env);
  const rows = async (): Promise<Row[]> => JSON.parse(await run(`runner list ${plan} --json`)).backups;
  /** The newest backup of the database that lies in the folder. */
  const newest = () => newestIn(join(world.root, 'var/backups/rusty-saas/database'), 'database');
  beforeAll(async () => {
    world = await startWorld(isRight);
    await fill(world);
  }, 3_600_000);
  afterAll(async () => await world?.stop());

  it('lies sealed at a folder, three clouds and a branch', async () => {
    expect(await world.application.health()).toBe(200);
    await run(`runner apply ${plan}`);
    const places = Object.fromEntries(
      (await rows()).map(({ backup, copies, state }) => [backup, [state, copies.length]]),
    );
    expect(places).toEqual({
      database: ['good', 4],
      configuration: ['good', 3],
      'configuration-history': ['good', 1],
      'app-data': ['good', 3],
      logs: ['good', 3],
      'security-logs': ['good', 3],
    });
    const { Contents = [] } = await world.client.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'rusty-saas/database/' }),
    );
    const Key = Contents.find((one) => one.Key?.endsWith('.dump.gz.enc'))!.Key!;
    const head = await world.client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head.ObjectLockMode).toBe('COMPLIANCE');
    // This server takes what it is told of these two, and does nothing with it.
    const begun = world.line.seen.filter(({ method, path, headers }) => {
      const asks =
        headers['x-amz-storage-class'] === 'STANDARD_IA' && headers['x-amz-server-side-encryption'] === 'AES256';
      return asks && method !== 'GET' && decodeURIComponent(path).includes(Key);
    });
    expect(begun.length).toBeGreaterThan(0);
    expect(head.ObjectLockRetainUntilDate!.getTime() - Date.now()).toBeGreaterThan(29 * 86_400_000);
  });

  it('the branch shows the configuration, and no secrets', async () => {
    const git = (...words: string[]) =>
      execFileSync('git', ['-C', join(world.root, 'forge.git'), ...words], { encoding: 'utf8' });
    const names = git('ls-tree', '-r', '--name-only', 'backup-branch').trim().split('\n');
    expect(names.map((name) => name.split('/').at(-1))).toEqual(['app.toml', 'features.toml']);
    expect(git('log', '-1', '--format=%s', 'backup-branch')).toMatch(/^Backup configuration 2/);
    writeFileSync(join(world.root, 'opt/rusty-saas/config/leak.toml'), 'password = "kT9vQ2mXw7Lr4Zp8"\n');
    const refused = await line(`runner apply ${plan} configuration-history`, world.env);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('leak.toml') });
    expect(refused.stderr).not.toContain('kT9vQ2mXw7Lr4Zp8');
    rmSync(join(world.root, 'opt/rusty-saas/config/leak.toml'));
  });

  it('a full restore of a dropped database', async () => {
    const before = await ofDatabase(world);
    await world.sql('drop database rusty_saas', 'postgres');
    expect(await world.application.health()).toBe(503);
    world.asked();
    const begun = performance.now();
    await run(database);
    console.log(`rusty-saas: the database was back after ${seconds(begun)} s; the document allows an hour`);
    expect([await world.application.health(), await ofDatabase(world)]).toEqual([200, before]);
    expect(world.asked()).toEqual(['stop -- rusty-saas', 'start -- rusty-saas']);
  });

  it.runIf(full)('a file of the old scripts without users is refused, and the application goes on', async () => {
    const before = await ofDatabase(world);
    await world.sql('alter table users rename to kept; create table users (like kept)');
    const dump = join(world.root, 'var/tmp/rusty_saas_20240115_020000.dump.gz');
    await run(`pg_dump -U postgres -Fc rusty_saas | gzip >${dump}`);
    await world.sql('drop table users; alter table kept rename to users');
    world.application.answers();
    const refused = await line(oldFile, { ...world.env, DUMP: dump });
    expect(refused, refused.stderr).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('it is 0') });
    expect([world.application.answers(), await ofDatabase(world)]).toEqual([[], before]);
  });

  it.runIf(full)('wrong data is refused, and what is there stays', async () => {
    const before = await ofDatabase(world);
    await world.sql("insert into cases values (0, 1, 'x')");
    await run(`runner apply ${plan} database`);
    await world.sql('delete from cases where id = 0');
    const strange = newest();
    try {
      world.application.answers();
      const refused = await line(database, { ...world.env, RUSTY_SAAS_PATIENCE: '2s' });
      expect(refused, refused.stderr).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('503') });
      expect(new Set(world.application.answers())).toEqual(new Set([503]));
      expect([await world.application.health(), await ofDatabase(world)]).toEqual([200, before]);
    } finally {
      // Its copy in the bucket is locked and stays there; nothing is restored from it any more.
      await line(`runner forget ${plan} ${strange} --reason "holds wrong data" --yes`, world.env);
    }
  });

  it('every run leaves its record', () => {
    const folder = join(world.root, 'var/backups/rusty-saas/.runner/runs');
    const records = readdirSync(folder).filter((name) => name.endsWith('.json'));
    const told = records.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
    const outcomes = new Set(told.map(({ command, exitCode }) => `${command} ${exitCode}`));
    const refused = full ? ['restore 1', 'restore 2'] : [];
    expect([...outcomes]).toEqual(expect.arrayContaining(['apply 0', 'restore 0', ...refused]));
    expect(readdirSync(folder).filter((name) => name.endsWith('.log'))).toHaveLength(records.length);
    if (!full) return;
    const removed = execFileSync('grep', ['-rl', 'holds wrong data', join(world.root, 'var/backups')], {
      encoding: 'utf8',
    });
    expect(removed.trim().split('\n')).toHaveLength(1);
  });

  it('what ransomware could not delete', async () => {
    const before = await ofDatabase(world);
    const id = newest();
    rmSync(join(world.root, 'var/backups'), { recursive: true });
    const { Versions = [] } = await world.client.send(
      new ListObjectVersionsCommand({ Bucket, Prefix: 'rusty-saas/database/' }),
    );
    const mine = Versions.filter(({ Key }) => Key?.includes(id));
    expect(mine.length).toBeGreaterThan(1);
    for (const { Key, VersionId } of mine)
      await expect(world.client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }))).rejects.toThrow();
    for (const { Key } of mine) await world.client.send(new DeleteObjectCommand({ Bucket, Key }));
    await world.sql('update cases set notes = md5(notes); drop table users cascade');
    expect(await world.application.health()).toBe(503);
    await run(immutable);
    expect([await world.application.health(), await ofDatabase(world)]).toEqual([200, before]);
  });

  it('the configuration goes to its places, and its services read it', async () => {
    const places = ['opt/rusty-saas/config', 'opt/rusty-saas/.env', 'etc'];
    const before = ofFiles(world, ...places);
    for (const path of places) rmSync(join(world.root, path), { recursive: true });
    world.asked();
    await run(configuration);
    expect(ofFiles(world, ...places)).toBe(before);
    expect(world.asked()).toEqual(['daemon-reload', 'reload nginx']);
  });

  it.runIf(full)('the application data is replaced as a whole', async () => {
    const before = ofFiles(world, 'opt/rusty-saas/data');
    rmSync(join(world.root, 'opt/rusty-saas/data/1'), { recursive: true });
    await run(appData);
    expect(ofFiles(world, 'opt/rusty-saas/data')).toBe(before);
  });

  it('a complete server rebuild, with the second cloud alone', async () => {
    const before = [await ofDatabase(world), ofFiles(world, 'opt', 'etc')];
    for (const path of ['opt', 'etc', 'var/tmp']) rmSync(join(world.root, path), { recursive: true });
    mkdirSync(join(world.root, 'var/tmp'));
    await world.store.halt();
    const begun = performance.now();
    await world.rebuild();
    expect(await world.application.health()).toBe(503);
    for (const text of rebuild) await run(text);
    console.log(`rusty-saas: all was back after ${seconds(begun)} s; the document allows an hour`);
    expect(await world.application.health()).toBe(200);
    expect([await ofDatabase(world), ofFiles(world, 'opt', 'etc')]).toEqual(before);
  });
});

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1);
