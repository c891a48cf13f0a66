import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Facts, Question } from '../../src/kind.ts';
import { redis } from '../../src/sources/redis/index.ts';
import { Machine } from '../contracts/machine.ts';
import { freePort } from '../helpers/port.ts';
import { has } from '../helpers/programs.ts';
import { dumps, fill, fingerprint, hasRedis, populate, RedisServer } from '../helpers/redis.ts';
import { withRecipe } from '../helpers/redis-recipe.ts';
import { temporary } from '../kinds/temporary.ts';

const spec = (server: RedisServer, rest: object = {}) => ({ type: 'redis' as const, socket: server.socket, ...rest });

let machine: Machine;
const servers: RedisServer[] = [];
const start = async (options: Parameters<typeof RedisServer.start>[0] = {}) => {
  const server = await RedisServer.start(options);
  servers.push(server);
  return server;
};

beforeAll(async () => {
  machine = await Machine.start({ programs: redis.programs({ type: 'redis' }), secrets: { password: 'se cret' } });
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.end();
  expect(machine.leftovers()).toEqual([]);
});
afterAll(() => machine?.end());

const capture = async (given: object, facts: Facts = machine.facts) =>
  (await machine.task().capture(redis.capture(given as never, facts))).bytes;
const survey = async (given: object) => {
  const facts = machine.facts;
  return redis.survey!.read(given as never, await machine.task().run(redis.survey!.command(given as never, facts)));
};
const problems = async (given: object) => {
  const facts = { ...machine.facts, survey: await survey(given) };
  return redis.requirements(given as never, facts).flatMap((one) => (one.need === 'fact' ? [one.problem] : []));
};
const ask = async (given: object, question: Question) =>
  (await machine.task().run(redis.ask!(given as never, question, null, machine.facts))).trim();

/** Loads a dump as a verification does and asks the server in which it lies. */
async function inScratch<Result>(
  plain: Uint8Array,
  act: (ask: (question: Question) => Promise<string>) => Promise<Result>,
) {
  const scratch = redis.scratch!({ type: 'redis' }, 'here', machine.facts);
  if ('missing' in scratch) throw new Error(scratch.missing);
  return withRecipe(machine, scratch.recipe, plain, (task) =>
    act(async (question) =>
      (await task.run(redis.ask!({ type: 'redis' }, question, scratch.target, machine.facts))).trim(),
    ),
  );
}

describe.skipIf(!hasRedis())('redis', () => {
  it('answers the same of a dump in scratch as of the live server, whatever it holds', async () => {
    const server = await start();
    await fill(server);
    await populate(server, 3000);
    const plain = await capture(spec(server));
    const questions: Question[] = [{ contents: 'counts' }, { contents: 'checksums' }, { key: 'cart:*' }, { key: '*' }];
    const live = await Promise.all(questions.map((question) => ask(spec(server), question)));
    const kept = await inScratch(plain, async (ask) => {
      const answers: string[] = [];
      for (const question of questions) answers.push(await ask(question));
      return answers;
    });
    expect(kept).toEqual(live);
    expect(live[0]!.split('\n').map((line) => line.split('\t')[0])).toEqual(['db0', 'db1', 'db15', 'db9']);
    expect(live[1]).toMatch(/^db0\t[0-9a-f]{64}\ndb0 expiring\t2\n/);
    expect(live[2]).toBe('2');
    // A file that a restore put somewhere is asked through a server for the question.
    const file = join(temporary(), "restored's.rdb");
    await machine.task().take({ intake: { file } }, plain);
    const command = redis.ask!(spec(server), { contents: 'checksums' }, { path: file }, machine.facts);
    expect((await machine.task().run(command)).trim()).toBe(live[1]);
  });

  it.each([
    ['a key', (server: RedisServer) => server.cli('DEL', 'cart:1'), 'counts'],
    ['a changed value', (server: RedisServer) => server.cli('SET', 'cart:1', 'other'), 'checksums'],
    ['a member of a set', (server: RedisServer) => server.cli('SREM', 'words', 'word 3'), 'checksums'],
    ['the order of a list', (server: RedisServer) => server.cli('LSET', 'list', '0', 'item 1'), 'checksums'],
    ['a score', (server: RedisServer) => server.cli('ZADD', 'scores', '1.6', 'a'), 'checksums'],
    ['a field', (server: RedisServer) => server.cli('HSET', 'small', 'a', '2'), 'checksums'],
    ['a group', (server: RedisServer) => server.cli('XGROUP', 'DESTROY', 'stream', 'group'), 'checksums'],
    ['a database', (server: RedisServer) => server.cli('-n', '9', 'FLUSHDB'), 'counts'],
    ['a time to live', (server: RedisServer) => server.cli('PERSIST', 'expires'), 'checksums'],
  ])('tells by its contents that %s differs', async (_what, change, contents) => {
    const server = await start();
    await fill(server);
    const before = await ask(spec(server), { contents: contents as 'counts' });
    change(server);
    expect(await ask(spec(server), { contents: contents as 'counts' })).not.toBe(before);
  });

  it('counts keys that have expired since, so that an old dump is no alarm', async () => {
    const server = await start();
    await populate(server, 50);
    for (let life = 4000; ; life *= 2) {
      server.cli('SET', 'short', 'lived', 'PX', String(life));
      const [plain, live] = [await capture(spec(server)), await ask(spec(server), { contents: 'counts' })];
      const left = Number(server.cli('PTTL', 'short'));
      // It did not live until it was counted: longer on a slow machine.
      if (left <= 0) continue;
      await sleep(left + 100);
      expect(live).toBe('db0\t51');
      expect(await inScratch(plain, (ask) => ask({ contents: 'counts' }))).toBe(live);
      return;
    }
  });

  it('tells a dump that is damaged anywhere, also in scratch', async () => {
    const server = await start();
    await fill(server);
    const plain = await capture(spec(server));
    const check = (bytes: Uint8Array, facts = machine.facts) =>
      machine.task().take(redis.content(spec(server), facts), bytes);
    const without = { programs: { ...machine.facts.programs, 'redis-check-rdb': null } };
    for (const facts of [machine.facts, without]) {
      await check(plain, facts);
      for (let turn = 0; turn < 40; turn += 1) {
        const bent = Buffer.from(plain);
        const at = Math.floor((turn / 40) * plain.length);
        bent[at]! ^= 1 << (turn % 8);
        await expect(check(bent, facts), `bit ${turn % 8} of byte ${at}`).rejects.toThrow();
      }
      for (const cut of [plain.subarray(0, -1), plain.subarray(0, 100), Buffer.concat([plain, Buffer.alloc(40, 65)])])
        await expect(check(cut, facts)).rejects.toThrow();
    }
    await expect(inScratch(plain.subarray(0, -9), async () => {})).rejects.toThrow(/ended before it was ready/);
    await expect(inScratch(plain, async () => {})).resolves.toBeUndefined();
  });

  it('knows an empty server and warns of it', async () => {
    const server = await start();
    expect(await problems(spec(server))).toEqual(['warning: the server holds no key at all']);
    const plain = await capture(spec(server));
    await machine.task().take(redis.content(spec(server), machine.facts), plain);
    expect(await inScratch(plain, (ask) => ask({ contents: 'counts' }))).toBe('');
    expect(await inScratch(plain, (ask) => ask({ contents: 'checksums' }))).toBe('');
    expect(await ask(spec(server), { key: '*' })).toBe('0');
  });
});

describe.skipIf(!hasRedis())('preflight', () => {
  it('tells who may not come in, and who is no server', async () => {
    const server = await start({ password: 'right' });
    server.cli('ACL', 'SETUSER', 'weak', 'reset', 'on', '>se cret', '+ping');
    await expect(survey(spec(server))).rejects.toThrow('the server wants a user or a password');
    await expect(survey(spec(server, { password: { secret: 'password' } }))).rejects.toThrow(
      'refuses the user or the password',
    );
    await expect(survey(spec(server, { user: 'weak', password: { secret: 'password' } }))).rejects.toThrow(
      'may not run INFO',
    );
    await expect(survey({ type: 'redis', port: await freePort() })).rejects.toThrow(/Could not connect/);
    await expect(capture(spec(server, { password: { secret: 'password' } }))).rejects.toThrow(/WRONGPASS/);
  });

  it('tells that the user may not be sent a dump, and takes one with the rights of the page', async () => {
    const server = await start({ settings: ['--maxmemory-policy', 'allkeys-lru'] });
    await fill(server);
    const given = spec(server, { user: 'backup', password: { secret: 'password' } });
    server.cli('ACL', 'SETUSER', 'backup', 'reset', 'on', '>se cret', '+info', '+acl|whoami', '+acl|dryrun');
    expect(await problems(given)).toEqual([expect.stringContaining("no permissions to run the 'sync' command")]);
    await expect(capture(given)).rejects.toThrow(/NOPERM/);
    server.cli('ACL', 'SETUSER', 'backup', 'reset', 'on', '>se cret', '+info', '+sync', '+replconf', '+config|get');
    expect(await problems(given)).toEqual([]);
    expect((await capture(given)).length).toBeGreaterThan(1000);
    const settings = {
      save: '',
      'maxmemory-policy': 'noeviction',
      'no-such': 1,
      'hash-max-listpack-entries': 512,
      requirepass: 'x',
    };
    const check = redis.requirements({ ...given, settings }, machine.facts).find(({ need }) => need === 'check');
    expect(check?.need === 'check' && (await machine.task().run(check.command))).toBe(
      `the setting maxmemory-policy of the server is "allkeys-lru", and the plan wants "noeviction"
the setting no-such of the server is not to be read, and the plan wants "1"
the setting requirepass of the server is another, and the plan wants "x"
`,
    );
    server.cli(
      'ACL',
      'SETUSER',
      'backup',
      'reset',
      'on',
      '>se cret',
      '~*',
      '&*',
      '+info',
      '+scan',
      '+select',
      '+lastsave',
      '+time',
      '+bgsave',
      '+config|get',
    );
    expect(
      (await capture({ ...given, method: 'bgsave' }, { ...machine.facts, survey: await survey(given) })).length,
    ).toBeGreaterThan(1000);
    expect(await ask(given, { key: 'cart:*' })).toBe('2');
  });

  it('warns of a replica without its primary, of a checksum that is off, and of keys that never go', async () => {
    const server = await start({
      settings: ['--replicaof', '127.0.0.1', String(await freePort()), '--rdbchecksum', 'no'],
    });
    expect(await problems(spec(server))).toEqual([
      'warning: the server is a replica that has lost its primary: its data may be old',
      'warning: the server holds no key at all',
      'warning: rdbchecksum is off at the server, so a damaged dump cannot be told by its checksum',
    ]);
  });

  it('does not back up what is still being loaded', async () => {
    const server = await start({
      settings: ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024'],
    });
    await populate(server, 30_000);
    server.cli('SAVE');
    await server.stop('SIGKILL');
    await server.start();
    expect(await problems(spec(server))).toEqual(['the server is still loading its data; back it up when it is done']);
    await expect(capture(spec(server))).rejects.toThrow(/LOADING/);
  });
});

describe.skipIf(!hasRedis() || !has('openssl'))('over TLS', () => {
  const certify = (directory: string) => {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
    const fresh = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj'];
    openssl('req', '-x509', ...fresh, '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.crt');
    openssl('req', ...fresh, '/CN=server', '-keyout', 'server.key', '-out', 'server.csr');
    openssl(
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      'server.crt',
    );
  };

  it('takes a dump where both sides show a certificate, by parts and by URL, and none without', async () => {
    const directory = temporary();
    certify(directory);
    const [port, at] = [await freePort(), (name: string) => join(directory, name)];
    const files = [
      '--tls-cert-file',
      at('server.crt'),
      '--tls-key-file',
      at('server.key'),
      '--tls-ca-cert-file',
      at('ca.crt'),
    ];
    const server = await start({ password: 'se cret', settings: ['--tls-port', String(port), ...files] });
    await fill(server);
    const tls = { ca: at('ca.crt'), certificate: at('server.crt'), key: at('server.key'), 'server-name': 'localhost' };
    const given = { type: 'redis' as const, port, password: { secret: 'password' }, tls };
    const counts = await ask(spec(server, { password: { secret: 'password' } }), { contents: 'counts' });
    for (const way of [given, { type: 'redis' as const, url: { secret: 'url' }, tls }]) {
      const secrets = { password: 'se cret', url: `rediss://default:se%20cret@127.0.0.1:${port}` };
      const own = await Machine.start({ programs: redis.programs(way), secrets });
      const { bytes } = await own.task().capture(redis.capture(way, own.facts));
      expect(await inScratch(bytes, (ask) => ask({ contents: 'counts' }))).toBe(counts);
      own.end();
    }
    await expect(survey({ ...given, tls: { ca: at('ca.crt') } })).rejects.toThrow();
    await expect(survey({ ...given, tls: undefined })).rejects.toThrow();
  });
});

describe.skipIf(!hasRedis())('bad days', () => {
  it('is not let in by an open default user when the password is wrong', async () => {
    const server = await start();
    await fill(server);
    server.cli('ACL', 'SETUSER', 'backup', 'reset', 'on', '>another', '+@all', '~*');
    const given = spec(server, { user: 'backup', password: { secret: 'password' } });
    await expect(survey(given)).rejects.toThrow('refuses the user or the password');
    await expect(capture(given)).rejects.toThrow(/refuses the user|WRONGPASS|NOAUTH/);
  });

  it('takes 100,000 keys, and a name of any bytes', async () => {
    const server = await start();
    await fill(server);
    await populate(server, 100_000);
    const plain = await capture(spec(server));
    expect(await inScratch(plain, (ask) => ask({ key: 'key:*' }))).toBe('100000');
    expect(await inScratch(plain, (ask) => ask({ contents: 'checksums' }))).toBe(
      await ask(spec(server), { contents: 'checksums' }),
    );
  });

  it('takes no save for one that failed, and leaves no old dump for a new one', async () => {
    const elsewhere = temporary();
    const server = await start({ settings: ['--dir', elsewhere] });
    await fill(server);
    server.cli('SAVE');
    renameSync(join(elsewhere, 'dump.rdb'), join(server.directory, 'dump.rdb'));
    rmdirSync(elsewhere);
    const given = spec(server, { method: 'bgsave', 'data-directory': server.directory });
    await expect(capture(given)).rejects.toThrow(/save of the server failed/);
    expect(await problems(given)).toContain("warning: the server's last save failed; its log says why");
  });

  it('waits for a save that is in progress, and takes its own', async () => {
    const server = await start({ settings: ['--rdb-key-save-delay', '200'] });
    await populate(server, 5000);
    const given = spec(server, { method: 'bgsave', 'data-directory': server.directory });
    server.cli('BGSAVE');
    server.cli('SET', 'written', 'after the first save began');
    const plain = await capture(given);
    expect(await inScratch(plain, (ask) => ask({ key: 'written' }))).toBe('1');
  });

  it('gives up a save that does not end in time', async () => {
    const server = await start({ settings: ['--rdb-key-save-delay', '10000'] });
    await populate(server, 5000);
    const given = spec(server, { method: 'bgsave', 'data-directory': server.directory, timeout: '2s' });
    await expect(capture(given)).rejects.toThrow(/BGSAVE\) has not ended after 2 s/);
  });

  it.each(['rdb', 'bgsave'])('fails by %s where the server dies in the middle', async (method) => {
    const server = await start({ settings: ['--rdb-key-save-delay', '1000'] });
    await populate(server, 20_000);
    const running = capture(spec(server, { method, 'data-directory': server.directory }));
    running.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await server.stop('SIGKILL');
    await expect(running).rejects.toThrow();
  });
});

const differing = (left: Map<string, string>, right: Map<string, string>) =>
  [...new Set([...left.keys(), ...right.keys()])].filter((key) => left.get(key) !== right.get(key));

describe.skipIf(!hasRedis())('restore', () => {
  async function copied(from: RedisServer, to: object, options: object, plain?: Uint8Array) {
    const recipe = redis.restore(to as never, { path: '' }, machine.facts, { into: 'keys', ...options });
    return machine.task().take(recipe, plain ?? (await capture(spec(from))));
  }

  it('copies every key of every database into a live server, with its time to live', async () => {
    const [from, to] = [await start(), await start({ password: 'se cret' })];
    await fill(from);
    await populate(from, 20_000);
    await from.with((send) => send('SET', 'large', Buffer.alloc(12_000_000, 7)));
    to.cli('SET', 'own', 'stays');
    await copied(from, spec(to, { password: { secret: 'password' } }), {});
    expect(to.cli('GET', 'own')).toBe('stays');
    to.cli('DEL', 'own');
    expect(await fingerprint(to)).toBe(await fingerprint(from));
  });

  it('copies what a pattern matches, keeps what is there or replaces it, and deletes by choice', async () => {
    const [from, to] = [await start(), await start()];
    await fill(from);
    for (const key of ['cart:1', 'cart:new', 'other']) to.cli('SET', key, 'live');
    await copied(from, spec(to), { pattern: 'cart:*' });
    expect(to.cli('MGET', 'cart:1', 'cart:2', 'cart:new', 'other').split('\n')).toEqual([
      'live',
      'value of cart:2',
      'live',
      'live',
    ]);
    expect(to.cli('DBSIZE')).toBe('4');
    await copied(from, spec(to), { pattern: 'cart:*', replace: true });
    expect(to.cli('MGET', 'cart:1', 'cart:new').split('\n')).toEqual(['value of cart:1', 'live']);
    await copied(from, spec(to), { pattern: 'cart:*', flush: true });
    expect(to.cli('MGET', 'cart:1', 'cart:new', 'other').split('\n')).toEqual(['value of cart:1', '', 'live']);
  });

  it('needs the rights that the page names, and no more', async () => {
    const [from, to] = [await start(), await start()];
    await fill(from);
    const may = (...rights: string[]) => to.cli('ACL', 'SETUSER', 'own', 'reset', 'on', '>se cret', ...rights);
    const given = spec(to, { user: 'own', password: { secret: 'password' } });
    may('~*', '+info', '+ping', '+select', '+restore', '+echo');
    await copied(from, given, {});
    expect(await fingerprint(to)).toBe(await fingerprint(from));
    await expect(copied(from, given, { flush: true })).rejects.toThrow(/does not let its keys be deleted/);
    may('~*', '+info', '+ping', '+select', '+restore', '+echo', '+eval', '+scan', '+unlink');
    await copied(from, given, { flush: true });
    expect(await fingerprint(to)).toBe(await fingerprint(from));
    may('~*', '+info', '+select', '+eval_ro', '+@read');
    expect(await ask(given, { contents: 'checksums' })).toBe(await ask(spec(from), { contents: 'checksums' }));
    may('+info', '+client|pause', '+client|unpause', '+bgsave', '+lastsave', '+time');
    for (const command of redis.quiet!(given, machine.facts)) await machine.task().run(command);
    expect(existsSync(join(to.directory, 'dump.rdb'))).toBe(true);
    await expect(
      to.with((send) =>
        Promise.race([send('SET', 'a', '1'), sleep(300).then(() => Promise.reject(new Error('paused')))]),
      ),
    ).rejects.toThrow('paused');
  });

  it('touches nothing for a damaged dump, and tells what the server refused', async () => {
    const [from, to] = [await start(), await start({ settings: ['--maxmemory', '1mb'] })];
    await fill(from);
    to.cli('SET', 'own', 'stays');
    const plain = await capture(spec(from));
    await expect(copied(from, spec(to), { flush: true }, plain.subarray(0, -3))).rejects.toThrow(/was not loaded/);
    expect(to.cli('GET', 'own')).toBe('stays');
    await expect(copied(from, spec(to), {})).rejects.toThrow(/OOM|not every key/);
    await expect(copied(from, { ...spec(to), socket: '/nowhere' }, {})).rejects.toThrow(/does not answer/);
  });

  it.each([
    ['no log', []],
    ['a log of writes', ['--appendonly', 'yes']],
    ['a log under another name', ['--appendonly', 'yes', '--appendfilename', 'my.aof', '--appenddirname', 'logs']],
  ])(
    'puts a dump in place of the data of a server with %s, and it is there after another start',
    async (_what, settings) => {
      const server = await start({ settings });
      await fill(server);
      const plain = await capture(spec(server));
      const [before, all] = [await fingerprint(server), await dumps(server)];
      server.cli('FLUSHALL');
      server.cli('SET', 'new', 'data');
      const given = spec(server, { 'data-directory': server.directory });
      const facts = { ...machine.facts, survey: await survey(given) };
      for (const command of redis.quiet!(given, facts)) await machine.task().run(command);
      // What stands still is what lies on disk.
      await server.stop();
      const target = redis.home(given)!;
      const kept = join(temporary(), 'aside');
      mkdirSync(kept);
      const beside = `${target}.new`;
      const task = machine.task();
      const recipe = redis.restore(given, { path: beside }, facts);
      await task.take(recipe, plain);
      for (const name of ['dump.rdb', ...redis.neighbours!(given, facts)])
        if (existsSync(join(server.directory, name))) renameSync(join(server.directory, name), join(kept, name));
      for (const command of redis.settle!(given, beside, facts)) await task.run(command);
      for (const name of redis.neighbours!(given, facts))
        if (existsSync(`${beside}.${name}`)) renameSync(`${beside}.${name}`, join(server.directory, name));
      renameSync(beside, target);
      await server.start();
      for (const assertion of redis.taken!(given, target, facts))
        if (assertion.check === 'output') expect((await task.run(assertion.command)).trim()).toBe('loaded');
      expect(await fingerprint(server)).toBe(before);
      expect(differing(await dumps(server), all)).toEqual([]);
      server.cli('SET', 'later', 'kept');
      await server.stop();
      await server.start();
      expect(server.cli('GET', 'later')).toBe(settings.length > 0 ? 'kept' : '');
      server.cli('DEL', 'later');
      expect(await fingerprint(server)).toBe(before);
      // What was moved aside is exactly what the server held when it was stopped.
      const old = await capture(redis.relocate!(given, join(kept, 'dump.rdb')));
      expect(await inScratch(old, (ask) => ask({ contents: 'counts' }))).toBe('db0\t1');
    },
  );

  it('finds out that a server did not read the dump', async () => {
    const server = await start({ settings: ['--appendonly', 'yes'] });
    await populate(server, 30);
    const given = spec(server, { 'data-directory': server.directory });
    const task = machine.task();
    const [plain, target] = [await capture(given), join(server.directory, 'dump.rdb')];
    const recipe = redis.restore(given, { path: target }, machine.facts);
    await task.take(recipe, plain);
    await server.stop('SIGKILL');
    for (const name of readdirSync(server.directory))
      if (name === 'appendonlydir') renameSync(join(server.directory, name), join(temporary(), name));
    await server.start();
    for (const assertion of redis.taken!(given, target, machine.facts))
      if (assertion.check === 'output') expect((await task.run(assertion.command)).trim()).toMatch(/^0 of 30 keys/);
  });

  it('refuses a damaged dump before anything is stopped', async () => {
    const server = await start();
    await fill(server);
    const given = spec(server, { 'data-directory': server.directory });
    const plain = await capture(given);
    for (const facts of [machine.facts, { programs: { ...machine.facts.programs, 'redis-check-rdb': null } }]) {
      const [task, target] = [machine.task(), join(temporary(), 'dump.rdb')];
      const recipe = redis.restore(given, { path: target }, facts);
      await expect(task.take(recipe, plain.subarray(0, -1))).rejects.toThrow(/damaged/);
    }
  });
});
