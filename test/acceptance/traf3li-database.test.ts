/** Document 004: the committed plan against a real MongoDB server, its disasters, and the commands of the page that end them. */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Db } from 'mongodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasMongo, type Mongo, openMongo, uri } from '../helpers/mongodb.ts';
import { has } from '../helpers/programs.ts';
import { hasRedis } from '../helpers/redis.ts';
import { hasEngine } from '../helpers/s3-servers.ts';
import { full } from '../proofs/support.ts';
import { fillTraf3li, stateOf } from './support/lawyers.ts';
import { recovery } from './support/page.ts';
import { tellTime } from './support/recovery.ts';
import { atTerminal, line } from './support/shell.ts';
import { openTraf3li, type Traf3li } from './support/traf3li.ts';

const plan = 'plans/traf3li.yaml';
const [showing, restoring, fromElsewhere] = recovery('traf3li').filter((text) => / mongodb /.test(text));
const health = recovery('traf3li').find((text) => text.startsWith('curl'));

const able = [hasMongo(), hasRedis(), hasEngine('minio'), has('script', 'stty', 'openssl', 'gzip', 'curl')];

describe.skipIf(!able.every(Boolean))('Traf3li, its database', { timeout: 3_600_000 }, () => {
  let world: Traf3li;
  let mongo: Mongo;
  let database: Db;
  let saved: string;
  const state = () => stateOf(database);
  /** What the application asks all day; it knows how many there should be. */
  const wanted = { users: 0, cases: 0, invoices: 0 };
  const isRight = async () => {
    for (const [name, count] of Object.entries(wanted))
      if ((await database.collection(name).countDocuments()) !== count) return false;
    return true;
  };
  const run = (words: string, env: Record<string, string> = {}) => line(words, { ...world.environment, ...env });
  const good = async (words: string, env: Record<string, string> = {}) => {
    const done = await run(words, env);
    expect(done, `${words}\n${done.stdout}${done.stderr}`).toMatchObject({ exitCode: 0 });
    return done;
  };
  type Listed = { id: string; size: number; state: string; tiers: string[] };
  const listed = async (): Promise<Listed[]> =>
    JSON.parse((await good(`runner list ${plan} mongodb --json`)).stdout).backups;

  beforeAll(
    async () => {
      mongo = await openMongo();
      database = mongo.client.db('traf3li');
      await database.dropDatabase();
      world = await openTraf3li(isRight, uri);
      Object.assign(wanted, await fillTraf3li(database, full ? 1_100_000_000 : 400_000));
      saved = await state();
      await good(`runner apply ${plan} mongodb`, full ? { BACKUP_MAX_FILE_SIZE: '10GiB' } : {});
    },
    full ? 1_800_000 : 120_000,
  );
  afterAll(async () => {
    await database?.dropDatabase();
    await mongo?.end();
    await world?.end();
  });
  beforeEach(async () => {
    expect(await state()).toBe(saved);
    expect(await world.application.health()).toBe(200);
  });

  it('keeps one dump under the highest tier that it stands for, in both regions', async () => {
    const [only] = await listed();
    expect(only).toMatchObject({ state: 'good', tiers: ['yearly', 'monthly', 'weekly', 'daily'] });
    const key = /^backups\/yearly\/\d{4}\/\d\d\/mongodb-yearly-production-\d{8}T\d{6}Z\.archive\.gz\.enc$/;
    for (const bucket of ['traf3li-backups', 'traf3li-backups-dr'] as const)
      expect((await world.objects(bucket)).filter((one) => key.test(one.key))).toHaveLength(1);
    expect(JSON.parse((await good(`runner list ${plan} --tier monthly --json`)).stdout).backups).toHaveLength(1);
  });

  it('shows what a restore would do, and leaves everything as it is', async () => {
    expect((await good(showing!)).stdout).toContain('mongorestore');
  });

  it.each([
    ['another name', ['staging/traf3li']],
    ['yes', ['yes']],
    ['the end of input', []],
  ])('asks for environment and database before it replaces them, and %s is not enough', async (_, answers) => {
    const { stdout, exitCode } = await atTerminal(restoring!, answers, world.environment);
    expect(stdout).toContain('replace the live data in database "traf3li" of the');
    expect(stdout).toContain('nothing was done: production/traf3li was not typed');
    expect(exitCode).toBe(4);
  });

  it('brings back a collection that was emptied, and keeps what was there as a safety backup', async () => {
    await database.collection('cases').deleteMany({});
    expect(await world.application.health()).toBe(503);
    expect(await run(health!)).not.toMatchObject({ exitCode: 0 });
    const began = performance.now();
    const { stdout, exitCode } = await atTerminal(restoring!, ['production/traf3li'], world.environment);
    expect(exitCode, stdout).toBe(0);
    tellTime('traf3li: MongoDB', began, '5-10 min');
    for (const [name, count] of Object.entries(wanted)) expect(stdout).toContain(`${name}: ${count}`);
    expect(await state()).toBe(saved);
    await good(health!);
    expect(await listed()).toHaveLength(2);
  });

  it('refuses an oplog limit for a dump that has no oplog', async () => {
    const done = await run(`${restoring!} --oplog-limit 1638360000:1 --yes`);
    expect(done).toMatchObject({ exitCode: 4 });
    expect(done.stderr).toContain('a dump of one database has no oplog');
  });

  it('tells of a backup that took much longer than usual', async () => {
    const slow = await run(`runner apply ${plan} mongodb`, { BACKUP_SLOWEST: '1%' });
    expect(slow).toMatchObject({ exitCode: 1 });
    expect(slow.stderr).toMatch(/it took .* of the usual/);
    await good(`runner forget ${plan} ${(await listed()).at(-1)!.id} --reason test --yes`);
    await good(`runner apply ${plan} mongodb`);
  });

  it('makes all backups at once', async () => {
    world.redis.cli('SET', 'session', 'of a lawyer');
    await good(`runner apply ${plan}`);
    const all = JSON.parse((await good(`runner list ${plan} redis --json`)).stdout).backups;
    expect(all).toMatchObject([{ state: 'good' }]);
  });

  it('brings back a dropped database from the other region when the first is lost', async () => {
    await database.dropDatabase();
    expect(await world.application.health()).toBe(503);
    // Nothing lies there any more, so nothing need be agreed to.
    await good(fromElsewhere!);
    expect(await state()).toBe(saved);
    await good(health!);
  });

  it('keeps no safety backup where none is wanted', async () => {
    const before = (await listed()).length;
    await database.collection('users').deleteMany({});
    await good(`${restoring!} --no-backup --yes`);
    expect(await state()).toBe(saved);
    expect(await listed()).toHaveLength(before);
  });

  it('puts the old data back when the application is not well behind the restore', async () => {
    await database.collection('users').insertOne({ name: 'since then' });
    wanted.users += 1;
    const now = await state();
    const done = await run(`${restoring!} --yes`, { HEALTH_WITHIN: '3s' });
    expect(done).toMatchObject({ exitCode: 1 });
    expect(await state()).toBe(now);
    expect(await world.application.health()).toBe(200);
    await database.collection('users').deleteOne({ name: 'since then' });
    wanted.users -= 1;
  });

  it('refuses a copy of which one byte is wrong before it touches anything', async () => {
    const Bucket = 'traf3li-backups';
    const { id } = (await listed())[0]!;
    const Key = (await world.objects(Bucket)).find(({ key }) => key.startsWith('backups/yearly/'))!.key;
    const { Body } = await world.client.send(new GetObjectCommand({ Bucket, Key }));
    const bytes = await Body!.transformToByteArray();
    const put = (body: Uint8Array) => world.client.send(new PutObjectCommand({ Bucket, Key, Body: body }));
    await put(bytes.map((byte, index) => (index === bytes.length >> 1 ? byte ^ 1 : byte)));
    const done = await run(`runner restore ${plan} mongodb --id ${id} --from main --yes`);
    await put(bytes);
    expect(done.exitCode).toBeGreaterThan(0);
    expect(done.stderr).toMatch(/sha-?256|hash|differ/i);
  });

  describe('with a critical collection that is empty', () => {
    const names = ['users', 'cases', 'invoices'];
    /** A backup of the database as `change` leaves it; everything is as before afterwards. */
    const backupOf = async (change: () => Promise<unknown>) => {
      const kept = await Promise.all(names.map((name) => database.collection(name).find().toArray()));
      await change();
      const done = await run(`runner apply ${plan} mongodb`);
      const { id } = (await listed()).at(-1)!;
      for (const [index, name] of names.entries()) {
        await database.collection(name).deleteMany({});
        await database.collection(name).insertMany(kept[index]!);
      }
      saved = await state();
      return { id, done };
    };
    const proof = (id: string) => run(`runner verify ${plan} mongodb --id ${id} --level restore`);

    it.each(names)('finds a backup without %s bad, and never puts it in place', async (name) => {
      const { id, done } = await backupOf(() => database.collection(name).deleteMany({}));
      // The cases are most of it: without them it is also conspicuously small.
      expect(/of the usual/.test(done.stderr)).toBe(name === 'cases');
      expect(done.exitCode).toBe(name === 'cases' ? 1 : 0);
      const [proven, restored] = [await proof(id), await run(`runner restore ${plan} mongodb --id ${id} --yes`)];
      for (const failed of [proven, restored]) {
        expect(failed.exitCode).toBeGreaterThan(0);
        expect(failed.stderr).toContain(`collection ${name} >= 1`);
      }
      await good(`runner forget ${plan} ${id} --reason test --yes`);
    });

    it('finds one document of each enough', async () => {
      const { id } = await backupOf(async () => {
        for (const name of names) {
          const one = await database.collection(name).findOne();
          await database.collection(name).deleteMany({ _id: { $ne: one!._id } });
        }
      });
      expect(await proof(id)).toMatchObject({ exitCode: 0 });
      await good(`runner forget ${plan} ${id} --reason test --yes`);
    });
  });
});
