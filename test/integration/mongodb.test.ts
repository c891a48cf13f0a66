/** Backups and restores of a real MongoDB server by the built program, with the real mongodump and mongorestore. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunFacts } from '../../src/compile/facts.ts';
import {
  canonical,
  everyType,
  fakeMongod,
  hasMongo,
  type Mongo,
  openMongo,
  openProxy,
  uri,
} from '../helpers/mongodb.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { makeScratchWorld } from './scratch-world.ts';

describe.skipIf(!hasMongo())('MongoDB', () => {
  let mongo: Mongo;
  let place: ReturnType<typeof temporaryDirectory>;
  let name: string;

  const into = { into: { url: { secret: 'mongodb' } } };
  const proven = { restore: { ...into, assert: [{ contents: 'checksums', compare: 'source' }] } };
  const write = (source: Record<string, unknown>, change: Record<string, unknown> = {}) => {
    const own = 'host' in source || 'uri' in source ? {} : { uri: { secret: 'mongodb' } };
    const plan = {
      version: 1,
      name: 'shop',
      secrets: { mongodb: { env: 'MONGODB_URI' } },
      destinations: { disk: { type: 'local', path: 'store' } },
      backups: {
        shop: {
          source: { type: 'mongodb', ...own, ...source },
          transforms: ['gzip'],
          destinations: ['disk'],
          verify: ['content'],
          ...change,
        },
      },
    };
    writeFileSync(join(place.path, 'plan.yaml'), JSON.stringify(plan));
  };
  const run = (word: string, words: string[] = [], env: Record<string, string> = {}) =>
    runner([word, 'plan.yaml', ...words], { cwd: place.path, env: { MONGODB_URI: uri, ...env } });
  const good = async (word: string, words: string[] = [], env: Record<string, string> = {}) => {
    const done = await run(word, words, env);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    return done;
  };
  const restore = (...words: string[]) => run('restore', ['shop', ...words]);
  const files = () => readdirSync(place.path, { recursive: true, encoding: 'utf8' });
  const manifest = () =>
    JSON.parse(readFileSync(join(place.path, files().find((one) => one.endsWith('.manifest.json'))!), 'utf8'));
  const state = (which = name) => canonical(mongo.database(which));
  const count = (which: string, collection: string) => mongo.database(which).collection(collection).countDocuments();
  /** Databases of the test, those that hold something: some servers remember names that were only asked for. */
  const databases = async () => {
    const all = (await mongo.client.db().admin().listDatabases({ nameOnly: true })).databases.map((one) => one.name);
    const full = await Promise.all(
      all.map(async (one) => (await mongo.database(one).listCollections().toArray()).length > 0),
    );
    return all.filter((one, index) => full[index] && (one.startsWith(name) || one.startsWith('runner_')));
  };

  let made = 0;
  beforeAll(async () => {
    mongo = await openMongo();
  });
  afterAll(() => mongo?.end());
  beforeEach(async () => {
    place = temporaryDirectory();
    made += 1;
    name = mongo.name(`-${made}é;'x`);
    const database = mongo.database(name);
    await database
      .collection('orders')
      .insertMany(Array.from({ length: 300 }, (_, index) => ({ number: index, text: `Größe ${index}` })));
    await database.collection('orders').createIndex({ number: -1, text: 1 }, { unique: true, name: 'by "number"' });
    await database.collection('-all "types" `;ü').insertOne(everyType());
    await database.createCollection('no documents');
    write({ database: name });
    return () => place.remove();
  });

  // Nobody else may use the server then: all of it is dumped, dropped and loaded.
  it.skipIf(!process.env.RUNNER_TEST_MONGODB_ALONE)(
    'takes all of a server with its oplog, and gives it back',
    async () => {
      write(
        {},
        { verify: ['content', { restore: { ...into, assert: [{ collection: `${name}.orders`, equals: 300 }] } }] },
      );
      await good('apply');
      expect(manifest().source).toMatchObject({
        argv: expect.arrayContaining(['--oplog']),
        facts: { database: '', oplog: 'yes' },
      });
      const saved = await state();
      await mongo.database(name).collection('orders').deleteMany({});
      // Out of it one database, by a plan that names it.
      write({ database: name });
      await good('restore', ['shop', '--latest', '--to', `${name}one`]);
      expect(await state(`${name}one`)).toBe(saved);
      expect(await count(name, 'orders')).toBe(0);
      await mongo.database(`${name}one`).dropDatabase();
      write({});
      expect(await restore('--latest')).toMatchObject({ exitCode: 4 });
      await good('restore', ['shop', '--latest', '--yes']);
      expect(await count(name, 'orders')).toBe(300);
    },
  );

  it('is proven by a restore at a given server, which is left as it was', async () => {
    write({ database: name }, { verify: ['content', proven] });
    const done = await good('apply');
    expect(done.stderr).toContain('restore check passed');
    const { source, answers } = manifest();
    expect(source).toMatchObject({ version: expect.stringMatching(/^\d/), facts: { database: name, oplog: 'no' } });
    expect(answers['contents checksums'].split('\n')).toHaveLength(3);
    expect(await databases()).toEqual([name]);
    const document = await mongo.database(name).collection('orders').findOne({ number: 7 });
    await mongo
      .database(name)
      .collection('orders')
      .updateOne({ number: 7 }, { $set: { text: 'other' } });
    expect(document).toBeTruthy();
    await good('verify');
  });

  it('is proven in a server of its own, on a socket', async () => {
    const text = `secrets: { mongodb: { env: MONGODB_URI } }
backups:
  shop:
    source: ${JSON.stringify({ type: 'mongodb', uri: { secret: 'mongodb' }, database: name })}
    destinations: [disk]
    verify: [{ restore: { into: scratch, assert: [{ collection: orders, equals: 300 }, { contents: checksums, compare: source }] } }]`;
    const bin = temporaryDirectory();
    const world = makeScratchWorld({ MONGODB_URI: uri, PATH: `${fakeMongod(bin.path)}:${process.env.PATH}` });
    // The server of the tests stands in for one of our own, so it must be reached, and what is there must be gone.
    const open = ({ sandbox: _, ...facts }: RunFacts): RunFacts => facts;
    const before = await state();
    // While it stands in, everything is there already.
    expect((await world.apply(text, open)).exitCode).not.toBe(0);
    expect(JSON.stringify(world.events)).toContain('duplicate key');
    await mongo.database(name).dropDatabase();
    expect((await world.verify(text, 'restore', open)).exitCode, JSON.stringify(world.events)).toBe(0);
    expect(await state()).toBe(before);
    const told = readFileSync(join(bin.path, 'fake', 'mongod.log'), 'utf8').split('\n');
    expect(told).toContain('--bind_ip=./m.sock');
    world.remove();
    bin.remove();
  });

  it('is unproven where no mongod of its series is found', async () => {
    write(
      { database: name },
      { verify: [{ restore: { into: 'scratch', assert: [{ collection: 'orders', equals: 300 }] } }] },
    );
    const done = await run('apply', [], { PATH: `${fakeMongod(place.path, '4.4.1')}:${process.env.PATH}` });
    expect(done.exitCode).toBe(1);
    expect(done.stderr).toContain('a mongod of version 7.0 is needed to load the dump into, and only 4.4 was found');
  });

  it('comes back over the live one, of which a copy is kept that comes back too', async () => {
    const saved = await state();
    await good('apply');
    await mongo
      .database(name)
      .collection('orders')
      .deleteMany({ number: { $gt: 100 } });
    await mongo.database(name).collection('late').insertOne({ late: true });
    const changed = await state();
    expect(await restore('--latest')).toMatchObject({ exitCode: 4 });
    expect(await state()).toBe(changed);
    await good('restore', ['shop', '--latest', '--yes']);
    expect(await state()).toBe(saved);
    expect(await databases()).toEqual([name]);
    const { backups } = JSON.parse((await good('list', ['--json'])).stdout) as { backups: { id: string }[] };
    const safety = backups
      .map(({ id }) => id)
      .sort()
      .at(-1)!;
    await good('restore', ['shop', '--id', safety, '--yes', '--no-safety-backup']);
    expect(await state()).toBe(changed);
  });

  it('comes back to another name, and one collection alone', async () => {
    const saved = await state();
    await good('apply');
    const other = `${name}*2`;
    await good('restore', ['shop', '--latest', '--to', other]);
    expect(await state(other)).toBe(saved);
    await mongo.database(name).collection('orders').deleteMany({});
    await mongo.database(name).collection('-all "types" `;ü').insertOne({ kept: true });
    await good('restore', ['shop', '--latest', '--only', 'orders', '--yes']);
    expect(await count(name, 'orders')).toBe(300);
    expect(await count(name, '-all "types" `;ü')).toBe(2);
    expect((await mongo.database(name).collection('orders').indexes()).map((index) => index.name)).toContain(
      'by "number"',
    );
    const none = await restore('--latest', '--only', 'ordres', '--yes');
    expect(none.exitCode).not.toBe(0);
    expect(none.stderr).toContain('the backup holds no collection ordres; it holds: -all');
  });

  it('puts the old data back when what follows fails, and touches nothing when the copy beside is not as asserted', async () => {
    await good('apply');
    await mongo.database(name).collection('orders').deleteMany({});
    const changed = await state();
    write({ database: name }, { restore: { after: [{ run: ['false'] }] } });
    expect(await restore('--latest', '--yes')).toMatchObject({ exitCode: 1 });
    expect(await state()).toBe(changed);
    write({ database: name }, { restore: { assert: [{ collection: 'orders', equals: 1 }] } });
    const refused = await restore('--latest', '--yes');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('collection orders = 1');
    expect(await state()).toBe(changed);
    expect(await databases()).toEqual([name]);
  });

  it('chooses collections by name, and leaves others out', async () => {
    write({ database: name, collections: ['orders'] });
    await good('apply');
    await good('restore', ['shop', '--latest', '--to', `${name}1`]);
    expect((await mongo.database(`${name}1`).listCollections().toArray()).map((one) => one.name)).toEqual(['orders']);
    write({ database: name, 'exclude-collections': ['orders', 'no documents'] });
    await good('apply');
    await good('restore', ['shop', '--latest', '--to', `${name}2`]);
    const kept = (await mongo.database(`${name}2`).listCollections().toArray()).map((one) => one.name);
    expect(kept).toEqual(['-all "types" `;ü']);
  });

  it('holds documents of 16 MB, binary data and many collections', async () => {
    const database = mongo.database(name);
    await database.collection('large').insertOne({ bytes: Buffer.alloc(16 * 1024 * 1024 - 200, 0xa5) });
    for (let at = 0; at < 60; at += 1) await database.collection(`c${at}`).insertOne({ at });
    write({ database: name }, { verify: ['content', proven] });
    await good('apply');
  });

  describe('on a bad day', () => {
    const refused = async (sentence: string) => {
      const done = await run('apply');
      expect(done.exitCode, done.stderr).toBe(4);
      expect(done.stderr).toContain(sentence);
      expect(files().filter((one) => one.endsWith('.manifest.json'))).toEqual([]);
    };
    it('names a database and collections that are not there, and what was meant', async () => {
      write({ database: `${name}x` });
      await refused(`there is no database "${name}x"; did you mean "${name}"?`);
      write({ database: name, collections: ['order'] });
      await refused(`there is no collection "order" in "${name}"; did you mean "orders"?`);
    });

    it('wants a replica set for the oplog, and no database beside it', async () => {
      write({ database: name, oplog: true });
      await refused('the oplog belongs to the whole server');
      const named = uri.replace(/\/(\?|$)/, '/admin$1');
      write({ oplog: true });
      const done = await run('apply', [], { MONGODB_URI: named });
      expect(done.exitCode).toBe(4);
      expect(done.stderr).toContain(
        'the connection string names the database "admin", and the oplog belongs to the whole server',
      );
      write({ database: name });
      const other = await run('apply', [], { MONGODB_URI: named });
      expect(other.stderr).toContain(`the connection string names the database "admin" and the plan "${name}"`);
    });

    it('tells a server that does not answer', async () => {
      const proxy = await openProxy();
      proxy.close();
      write({ host: '127.0.0.1', port: proxy.port, database: name });
      await refused(`does not answer: `);
    });

    it('keeps nothing when the server goes in the middle of a dump', async () => {
      const many = Array.from({ length: 100 }, () => ({ bytes: Buffer.alloc(100_000, 7) }));
      await mongo.database(name).collection('much').insertMany(many);
      const proxy = await openProxy({ after: 4_000_000 });
      write({ host: '127.0.0.1', port: proxy.port, database: name });
      const done = await run('apply');
      proxy.close();
      expect(done.exitCode).toBe(2);
      expect(done.stderr).toMatch(/"mongodump" failed with exit code 1/);
      expect(files().filter((one) => /archive|manifest/.test(one))).toEqual([]);
    });

    it('restores no archive that was cut between two blocks, whatever its checksum says', async () => {
      await good('apply');
      write({ database: name }, { transforms: [] });
      await good('apply');
      const artifact = files().find((one) => one.endsWith('.archive'))!;
      const whole = readFileSync(join(place.path, artifact));
      // Behind a terminator of a block that closes nothing.
      const cut = whole.subarray(0, whole.indexOf(Buffer.from([255, 255, 255, 255])) + 4);
      writeFileSync(join(place.path, 'cut.archive'), cut);
      const before = await state();
      const done = await restore('--file', 'cut.archive', '--to', `${name}cut`);
      expect(done.exitCode, done.stderr).not.toBe(0);
      expect(done.stderr).toMatch(/the archive was cut: the end of .* is missing/);
      expect(await state()).toBe(before);
    });

    it('warns of a database without documents', async () => {
      await mongo.database(`${name}e`).createCollection('a');
      write({ database: `${name}e` });
      const done = await good('apply');
      expect(done.stderr).toContain(`the database "${name}e" holds no documents`);
    });
  });
});
