import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../src/command.ts';
import type { Facts } from '../../src/kind.ts';
import { mongodb } from '../../src/sources/mongodb/index.ts';
import type { Found, Spec } from '../../src/sources/mongodb/spec.ts';
import { describeSource } from '../contracts/describe.ts';
import { Machine } from '../contracts/machine.ts';
import { canonical, everyType, fakeTools, hasMongo, type Mongo, openMongo, openTls, uri } from '../helpers/mongodb.ts';
import { has } from './programs.ts';
import { temporary } from './temporary.ts';

/** Every printable character of ASCII, and some that are not. */
const password = `${Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')}ü€😀`;

const own: Spec = { type: 'mongodb', uri: { secret: 'uri' } };

describe.skipIf(!hasMongo())('with a server', () => {
  let mongo: Mongo;
  beforeAll(async () => {
    mongo = await openMongo();
    const home = temporary();
    writeFileSync(join(home, 'mongo.yaml'), `uri: ${uri}\n`, { mode: 0o600 });
    process.env.HOME = home;
  });
  afterAll(() => mongo.end());

  async function fill(name: string): Promise<void> {
    const database = mongo.database(name);
    await database.collection('-all "types" ;`ü').insertOne(everyType());
    const shop = database.collection('shop orders');
    await shop.insertMany(Array.from({ length: 500 }, (_, index) => ({ number: index, text: `Größe ${index}` })));
    await shop.createIndex({ number: -1, text: 1 }, { unique: true, name: 'odd "name"' });
    await shop.createIndex({ text: 1 }, { sparse: true });
    await database.createCollection('nothing');
  }

  describeSource('mongodb', async () => {
    const database = mongo.name("-sh'op`é;*");
    const elsewhere = mongo.name('elsewhere');
    await fill(database);
    await fill(elsewhere);
    await mongo.client.db('restored').dropDatabase();
    const spec = { ...own, database };
    return {
      kind: mongodb,
      spec,
      missing: { ...spec, database: mongo.name('none') },
      secrets: { uri },
      fingerprint: (name) => canonical(mongo.database(name ?? database)),
      restoredTo: (name) => mongo.name(`-${name}ü;*`),
      manualResult: 'restored',
      elsewhere,
    };
  });
});

const programs = {
  mongodump: { path: '/usr/bin/mongodump', version: '' },
  mongorestore: { path: '/usr/bin/mongorestore', version: '' },
};

const found: Found = {
  version: '7.0.12',
  set: 'rs0',
  mongos: false,
  databases: ['admin', 'shop', 'shelf'],
  collections: [
    { database: 'shop', name: 'orders', type: 'collection', empty: false },
    { database: 'shop', name: '"quoted" -x', type: 'collection', empty: true },
    { database: 'shop', name: 'system.views', type: 'collection', empty: false },
    { database: 'shop', name: 'rich', type: 'view', empty: false },
  ],
  user: null,
  privileges: null,
  oplog: 90_000,
  uri: { database: null, seconds: false },
};
const facts = (change: Partial<Found> = {}, more: Partial<Facts> = {}): Facts => ({
  programs,
  survey: { version: '7.0.12', data: { ...found, ...change } },
  ...more,
});
const words = ({ argv }: Command): unknown[] => argv.slice(1);
const dump = (spec: Partial<Spec>, given = facts()) => words(mongodb.capture({ ...own, ...spec }, given).produce);
const problems = (spec: Partial<Spec>, given = facts()) =>
  mongodb.requirements({ ...own, ...spec }, given).flatMap((one) => (one.need === 'fact' ? [one.problem] : []));
const config = { join: ['--config=', { work: 'mongo.json' }] };

describe('what mongodump is told', () => {
  it('one database, or all with the oplog where there is one', () => {
    expect(dump({ database: 'shop' })).toEqual([config, '--db=shop', '--archive']);
    expect(dump({})).toEqual([config, '--oplog', '--archive']);
    expect(dump({ oplog: false })).toEqual([config, '--archive']);
    expect(dump({}, facts({ set: null }))).toEqual([config, '--archive']);
    expect(dump({}, facts({ uri: { database: 'shop', seconds: false } }))).toEqual([config, '--archive']);
    expect(dump({ oplog: true }, facts({ set: null }))).toContain('--oplog');
    expect(dump({ database: 'shop', users: true })).toContain('--dumpDbUsersAndRoles');
  });

  it('collections by leaving out the others, whatever they are called', () => {
    expect(dump({ database: 'shop', collections: ['orders'] })).toEqual([
      ...[config, '--db=shop', '--excludeCollection="\\"quoted\\" -x"', '--excludeCollection=rich', '--archive'],
    ]);
    expect(dump({ database: '-s', 'exclude-collections': ['-a b', 'c'] })).toEqual([
      ...[config, '--db=-s', '--excludeCollection=-a b', '--excludeCollection=c', '--archive'],
    ]);
    // Without a survey there are no others to be named.
    expect(dump({ database: 'shop', collections: ['orders'] }, { programs })).toContain('--collection=orders');
  });

  it('connects by a private file alone', async () => {
    const spec: Spec = {
      type: 'mongodb',
      host: '::1',
      port: 27_018,
      user: 'b@ck"up/ü',
      password: { secret: 'pw' },
      'authentication-database': 'a b',
      'replica-set': 'rs"0',
      tls: { ca: '/etc/ca &.pem', certificate: '/etc/me.pem', 'key-password': { secret: 'key' } },
      database: 'shop',
    };
    const { files = [], argv } = mongodb.capture(spec, facts()).produce;
    expect(JSON.stringify(argv)).not.toMatch(/pw|::1/);
    const machine = await Machine.start({ programs: [], secrets: { pw: password, key: 'k/"&' } });
    const task = machine.task();
    await task.run({ argv: ['true'], files });
    const { uri: written } = JSON.parse(readFileSync(join(task.work, 'mongo.json'), 'utf8'));
    const url = new URL(written.replace('mongodb://', 'http://'));
    expect(decodeURIComponent(url.password)).toBe(password);
    expect(decodeURIComponent(url.username)).toBe('b@ck"up/ü');
    expect(url.host).toBe('[::1]:27018');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      authSource: 'a b',
      replicaSet: 'rs"0',
      tls: 'true',
      tlsCAFile: '/etc/ca &.pem',
      tlsCertificateKeyFile: '/etc/me.pem',
      tlsCertificateKeyFilePassword: 'k/"&',
    });
    machine.end();
  });

  it('gives its programs the same connection string, whatever the secret holds', async () => {
    const folder = fakeTools(temporary(), { mongodump: 'printf x', mongorestore: 'cat >/dev/null' });
    const secret = `mongodb://u:${encodeURIComponent(password)}@h:1/?a="b\\c"&d='e'`;
    const machine = await Machine.start({
      programs: [],
      secrets: { uri: secret },
      environment: { PATH: `${folder}:${process.env.PATH}` },
    });
    await machine.task().run(mongodb.capture({ ...own, database: 'shop' }, facts()).produce);
    const said = readFileSync(join(folder, 'mongodump.log'), 'utf8');
    const line = said.split('\n').find((text) => text.startsWith('{'))!;
    expect(JSON.parse(line)).toEqual({ uri: secret });
    expect(said.split('\n').filter((text) => text.startsWith('--') && !text.startsWith('--config'))).toEqual([
      '--db=shop',
      '--archive',
    ]);
    machine.end();
  });
});

describe('what mongorestore is told', () => {
  const restored = (spec: Partial<Spec>, path: string, given = facts(), options = {}) => {
    const { intake, through } = mongodb.restore({ ...own, ...spec }, { path }, given, options);
    expect(through?.argv.slice(0, 3)).toEqual(['runner-builtin', 'mongo-archive', '--pass']);
    return 'consume' in intake ? words(intake.consume) : [];
  };
  const strict = ['--stopOnError', '--bypassDocumentValidation', '--archive'];
  const made = (values: Record<string, string>): Facts =>
    facts({}, { made: { extension: '.archive', version: '7.0.12', facts: values } });
  const renamed = (to: string) => ['--nsFrom=$database$.$collection$', { join: ['--nsTo=', to, '.$collection$'] }];

  it('everything of one database into another, whatever it was called', () => {
    expect(restored({ database: 'shop' }, 'sh*p')).toEqual([config, ...renamed('sh*p'), ...strict]);
  });

  it('one database out of a dump of all', () => {
    const given = made({ database: '', oplog: 'yes' });
    expect(restored({ database: 's*p' }, 'new', given)).toEqual([
      ...[config, '--nsInclude=s\\*p.*', '--nsFrom=s\\*p.*', { join: ['--nsTo=', 'new', '.*'] }, ...strict],
    ]);
  });

  it('all of a server over what is there, with the oplog that was taken', () => {
    expect(restored({}, '', made({ database: '', oplog: 'no' }))).toEqual([config, '--drop', ...strict]);
    expect(restored({}, '', made({ database: '', oplog: 'yes' }))).toEqual([
      config,
      '--oplogReplay',
      '--drop',
      ...strict,
    ]);
    expect(restored({}, '', made({ database: '', oplog: 'yes' }), { 'oplog-limit': '1700000000:2' })).toContain(
      '--oplogLimit=1700000000:2',
    );
  });

  it('users and roles with their own database only', () => {
    expect(restored({ database: 'shop', users: true }, 'shop')).toEqual([
      ...[config, '--db=shop', '--restoreDbUsersAndRoles', ...strict],
    ]);
    expect(restored({ database: 'shop', users: true }, 'shop_2')).toEqual([config, ...renamed('shop_2'), ...strict]);
  });

  it('databases at a given server by a name that nobody has, which are dropped afterwards', () => {
    const drop = (spec: Partial<Spec>) => {
      const scratch = mongodb.scratch!({ ...own, ...spec }, { url: 'other' }, facts());
      if ('missing' in scratch) throw new Error(scratch.missing);
      expect(JSON.stringify(scratch.recipe.intake)).toContain('"secret":"other"');
      expect(JSON.stringify(scratch.recipe)).not.toContain('"secret":"uri"');
      return scratch.recipe.cleanup!.map((command) => command.argv.slice(3));
    };
    expect(drop({ database: 'shop' })).toEqual([['drop', 'named', { join: ['runner_', { out: 'run.id' }] }]]);
    expect(drop({})).toEqual([['drop', 'prefixed', { join: ['runner_', { out: 'run.id' }, '_'] }]]);
  });
});

describe('a throw-away server', () => {
  const with7 = {
    mongod: [
      { path: '/opt/6/mongod', version: 'db version v6.0.1' },
      { path: '/opt/7/mongod', version: 'db version v7.0.3' },
    ],
  };
  const scratch = (given: Partial<Facts>) => {
    const made = { extension: '.archive', version: '7.0.12', facts: {} };
    return mongodb.scratch!({ ...own, database: 'shop' }, 'here', { programs, made, ...given });
  };

  it('is of the series of the dump, on a socket, and names nothing of the source', () => {
    const { recipe } = scratch({ installed: with7 }) as Extract<ReturnType<typeof scratch>, { recipe: unknown }>;
    expect(recipe.servers![0]!.held.command.argv[0]).toBe('/opt/7/mongod');
    expect(recipe.servers![0]!.held.command.argv).toContain('--bind_ip=./m.sock');
    expect(JSON.stringify(recipe)).not.toContain('secret');
    expect(JSON.stringify(recipe.intake)).toContain('mongodb://m.sock/');
  });

  it('is missing in a sentence', () => {
    const sentence = (given: Partial<Facts>) => (scratch(given) as { missing: string }).missing;
    expect(sentence({})).toBe(
      'a mongod of version 7.0 is needed to load the dump into, and none was found on PATH and where installers put it: install it, or verify with into: { docker: "mongo:7.0" }',
    );
    expect(sentence({ installed: { mongod: [with7.mongod[0]!] } })).toContain('only 6.0 was found');
    expect(sentence({ installed: with7, programs: {} })).toMatch(/^mongorestore is needed/);
  });
});

describe('before anything starts', () => {
  const reader = (actions: string[], resource: object) => ({
    user: { user: 'b"u', db: 'admin' },
    privileges: [{ resource, actions }],
  });
  const all = ['find', 'listCollections', 'listIndexes'];

  it('says nothing where all is well', () => {
    expect(problems({ database: 'shop' })).toEqual([]);
    expect(problems({})).toEqual([]);
    expect(problems({ database: 'shop' }, facts(reader(all, { db: 'shop', collection: '' })))).toEqual([]);
  });

  it('names what is not there, and what was meant', () => {
    const none = { collections: [], databases: ['shop', 'shelf'] };
    expect(problems({ database: 'shpo' }, facts(none))).toEqual(['there is no database "shpo"; did you mean "shop"?']);
    expect(problems({ database: 'shop', collections: ['order'] })).toContain(
      'there is no collection "order" in "shop"; did you mean "orders"?',
    );
    expect(problems({ database: 'shop', 'exclude-collections': ['x'] })).toEqual([
      'there is no collection "x" in "shop"',
    ]);
  });

  it('wants a replica set for the oplog, and the whole of it', () => {
    expect(problems({ oplog: true }, facts({ set: null }))).toEqual([
      '`oplog` wants a replica set, and this server stands alone: it keeps none. Leave it out, or make the server a replica set of one',
    ]);
    expect(problems({ oplog: true }, facts({ set: null, mongos: true }))[0]).toMatch(/router of a sharded cluster/);
    expect(problems({ oplog: true, database: 'shop' })[0]).toBe(
      'the oplog belongs to the whole server: leave out `oplog`, or leave out `database` to back up all of it',
    );
    expect(problems({ oplog: true }, facts({ uri: { database: 'shop', seconds: false } }))[0]).toMatch(
      /^the connection string names the database "shop", and the oplog belongs to the whole server/,
    );
    expect(problems({}, facts({ oplog: 600 }))).toEqual([
      'warning: the oplog of "rs0" reaches back 600 s only: a dump that takes longer fails (replSetResizeOplog makes it longer)',
    ]);
  });

  it('reads the connection string as the tools do', () => {
    expect(problems({ database: 'shop' }, facts({ uri: { database: 'admin', seconds: true } }))).toEqual([
      'the connection string names the database "admin" and the plan "shop": take it out of the string (and say authSource=admin where users log in by it)',
      'warning: the connection string holds serverSelectionTimeoutMS, which mongodump takes for seconds: take it out',
    ]);
  });

  it('tells what would be lost without a word', () => {
    const dollar = { database: 'shop', name: 'a$b', type: 'collection', empty: false };
    expect(problems({ database: 'shop' }, facts({ collections: [dollar] }))).toEqual([
      'mongodump leaves out collections with a $ in their name: rename "a$b" of "shop", or name it in `exclude-collections`',
    ]);
    expect(
      problems(
        { database: 'shop', 'exclude-collections': ['a$b'] },
        facts({ collections: [dollar, ...found.collections!] }),
      ),
    ).toEqual([]);
    const empty = found.collections!.map((one) => ({ ...one, empty: true }));
    expect(problems({ database: 'shop' }, facts({ collections: empty }))).toEqual([
      'warning: the database "shop" holds no documents',
    ]);
  });

  it('names the role to grant', () => {
    const grant = (role: string, db: string) =>
      `in mongosh: db.getSiblingDB("admin").grantRolesToUser("b\\"u", [{ role: "${role}", db: "${db}" }])`;
    expect(problems({ database: 'shop' }, facts(reader(all, { db: 'shop', collection: 'orders' })))).toEqual([
      `the user "b"u" may not read ""quoted" -x"; ${grant('read', 'shop')}`,
    ]);
    expect(
      problems({ database: 'shop' }, facts({ ...reader([], { db: 'shop', collection: '' }), collections: null })),
    ).toEqual([`the user "b"u" may not list the collections of "shop"; ${grant('read', 'shop')}`]);
    expect(problems({}, facts(reader(all, { db: '', collection: '' })))).toEqual([
      `the user "b"u" may not read users and roles; ${grant('backup', 'admin')}`,
    ]);
    expect(problems({ database: 'shop', users: true }, facts(reader(all, { db: 'shop', collection: '' })))).toEqual([
      `the user "b"u" may not read users and roles; ${grant('backup', 'admin')}`,
    ]);
    expect(problems({}, facts(reader(all, { anyResource: true })))).toEqual([]);
  });

  it('knows what does not go together', () => {
    expect(problems({ host: 'h', tls: {} })[0]).toBe('`uri` says how to connect: leave out `host`, `tls`');
    expect(problems({ collections: ['a'] })[0]).toBe('`collections` and `exclude-collections` want a `database`');
    expect(problems({ users: true })[0]).toMatch(/^`users` wants a `database`/);
    expect(problems({ database: 'shop', collections: ['orders'], 'exclude-collections': ['orders'] })[0]).toBe(
      'the collection "orders" stands in `collections` and in `exclude-collections`',
    );
  });

  it('says what cannot be asked elsewhere', () => {
    const there: Facts = { programs: { ...programs, mongosh: null }, elsewhere: true };
    expect(problems({ database: 'shop', collections: ['a', 'b'] }, there)).toEqual([
      'several `collections` are chosen by what the server has, and no mongosh is there to ask it: install it there, or name those that are left out in `exclude-collections`',
      'warning: no mongosh is there, so that nothing is asked before the dump: neither names nor privileges',
    ]);
    expect(problems({}, there)).toContain(
      'warning: nobody can ask there whether it is a replica set: say `oplog: true` or `oplog: false`',
    );
    const shell = { ...there, programs: { ...programs, mongosh: { path: '/usr/bin/mongosh', version: '2.0' } } };
    expect(problems({ database: 'shop' }, shell)).toEqual([]);
    expect(mongodb.survey!.command({ ...own, database: 'shop' }, shell).argv[0]).toBe('mongosh');
  });
});

describe('databases', () => {
  it('are restored by whoever the plan names', () => {
    const { intake } = mongodb.restore(
      { ...own, database: 'shop', url: { secret: 'admin' } },
      { path: 'shop' },
      facts(),
    );
    expect(JSON.stringify(intake)).toContain('"secret":"admin"');
    expect(JSON.stringify(intake)).not.toContain('"secret":"uri"');
  });

  const { at, where } = mongodb.databases!;
  it('are at the server of a URL, with the login of the plan', () => {
    const spec: Spec = { type: 'mongodb', host: 'a', port: 1, user: 'u', password: { secret: 'p' }, database: 'shop' };
    expect(where!(spec)).toBe('a:1');
    expect(at!(spec, new URL('mongodb://b:2/'))).toEqual({ ...spec, host: 'b', port: 2 });
    expect(where!(own)).toBe('the server of the secret "uri"');
    expect(() => at!(own, new URL('mongodb://b/'))).toThrow(/^the login stands in the secret "uri"/);
    expect(() => at!(spec, new URL('postgres://b/'))).toThrow('postgres:// is no address of MongoDB');
  });
});

describe.skipIf(!hasMongo() || !has('openssl'))('over TLS', () => {
  it('trusts the authority of the plan and no other, with mongodump and with the driver', async () => {
    const mongo = await openMongo();
    const machine = await Machine.start({ programs: ['mongodump'] });
    const tls = await openTls(temporary());
    const name = mongo.name('tls');
    await mongo.database(name).collection('a').insertOne({ a: 1 });
    const spec: Spec = { type: 'mongodb', port: tls.port, database: name, tls: { ca: tls.ca } };
    const { data } = mongodb.survey!.read(spec, await machine.task().run(mongodb.survey!.command(spec, machine.facts)));
    expect(data.collections).toHaveLength(1);
    const { bytes } = await machine.task().capture(mongodb.capture(spec, machine.facts));
    await machine.task().take(mongodb.content(spec, machine.facts), bytes);
    const stranger: Spec = { ...spec, tls: {} };
    await expect(machine.task().run(mongodb.survey!.command(stranger, machine.facts))).rejects.toThrow(
      /no server answers: .*certificate/,
    );
    tls.close();
    machine.end();
    await mongo.end();
  });
});

/** What `runner-builtin mongo` answers, MongoDB's own shell must answer too: at other places there is only that. */
describe.skipIf(!hasMongo() || !has('mongosh'))('by mongosh', () => {
  let mongo: Mongo;
  let machine: Machine;
  beforeAll(async () => {
    mongo = await openMongo();
    machine = await Machine.start({ programs: ['mongosh'], secrets: { uri } });
  });
  afterAll(async () => {
    machine?.end();
    await mongo?.end();
  });

  it('answers the same', async () => {
    const name = mongo.name("-sh'op`é;*");
    const spec: Spec = { ...own, database: name };
    await mongo
      .database(name)
      .collection('or ders')
      .insertMany([{ a: 1 }, { a: 2 }]);
    await mongo.database(name).collection('-x"').insertOne({ a: 1 });
    const there: Facts = { ...machine.facts, elsewhere: true };
    const both = async (make: (given: Facts) => Command) => {
      const answers = [await machine.task().run(make(machine.facts)), await machine.task().run(make(there))];
      expect(answers[1]).toBe(answers[0]);
      return answers[0]!;
    };
    const { look, mark, drop, move } = mongodb.databases!;
    const survey = async (given: Facts) =>
      mongodb.survey!.read(spec, await machine.task().run(mongodb.survey!.command(spec, given))).data as Found;
    const { oplog: _, ...here } = await survey(machine.facts);
    expect(await survey(there)).toMatchObject(here);
    expect(await both((given) => mongodb.ask!(spec, { collection: 'or ders' }, null, given))).toBe('2\n');
    expect(await both((given) => mongodb.ask!(spec, { contents: 'counts' }, null, given))).toBe('-x"\t1\nor ders\t2\n');
    expect(await both((given) => look(spec, name, given))).toBe('full\n');
    for (const command of mark!.write(spec, name, 'runner é"', there)) await machine.task().run(command);
    expect(await both((given) => mark!.read(spec, name, given))).toBe('runner é"\n');
    const to = mongo.name('to');
    await mongo.database(to).collection('kept').insertOne({});
    for (const command of move!(spec, ['or ders'], { beside: name, target: to }, there))
      await machine.task().run(command);
    expect(await mongo.database(to).collection('or ders').countDocuments()).toBe(2);
    const gone = mongo.name('gone');
    await mongo.database(gone).collection('a').insertOne({});
    for (const command of drop(spec, gone, there)) await machine.task().run(command);
    expect(await both((given) => look(spec, gone, given))).toBe('nothing\n');
    await expect(machine.task().run(mongodb.ask!(spec, { contents: 'checksums' }, null, there))).rejects.toThrow(
      'checksums are not to be had at another place',
    );
    const dead = { ...spec, uri: undefined, host: '127.0.0.1', port: 1 } as unknown as Spec;
    await expect(machine.task().run(mongodb.survey!.command(dead, there))).rejects.toThrow('no server answers');
  });
});
