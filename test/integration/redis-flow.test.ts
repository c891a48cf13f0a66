/** What a person does with a Redis server, by the built program. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../helpers/port.ts';
import { has } from '../helpers/programs.ts';
import { fill, fingerprint, fingerprintOf, hasRedis, populate, RedisServer } from '../helpers/redis.ts';
import { cli, runner, temporaryDirectory } from '../helpers/runner.ts';

const password = `p'a"s$s \\w%o:r@d/#?`;

let place: ReturnType<typeof temporaryDirectory>;
let server: RedisServer;
/** What the plan's stop and start reach: the test starts the server again, as a service manager would. */
let manager: ReturnType<typeof setInterval>;

beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(async () => {
  clearInterval(manager);
  await server?.end();
  place.remove();
});

/** Stops the server on `stop`, starts it on `start`: a file each, taken away when it is done. */
function manage(): void {
  let busy = false;
  manager = setInterval(async () => {
    const word = ['stop', 'start'].find((name) => existsSync(join(place.path, name)));
    if (word === undefined || busy) return;
    busy = true;
    if (word === 'stop') await server.stop();
    else await server.start();
    execFileSync('rm', [join(place.path, word)]);
    busy = false;
  }, 30);
}

const step = (word: string) => ['sh', '-c', `: >${word}; while [ -e ${word} ]; do sleep 0.05; done`];

type Rest = { source?: object; backup?: object; restore?: object };

function write({ source = {}, backup = {}, restore = {} }: Rest = {}): void {
  const plan = {
    version: 1,
    name: 'shop',
    secrets: { password: { env: 'REDIS_PASSWORD' } },
    destinations: { disk: { type: 'local', path: 'backups' } },
    backups: {
      cache: {
        source: { type: 'redis', socket: server.socket, password: { secret: 'password' }, ...source },
        destinations: ['disk'],
        retention: { last: 3 },
        verify: ['content'],
        restore: { stop: [{ run: step('stop'), start: step('start') }], ...restore },
        ...backup,
      },
    },
  };
  writeFileSync(join(place.path, 'plan.yaml'), stringify(plan));
}

const env = { REDIS_PASSWORD: password };
const run = (...words: string[]) => runner(words, { cwd: place.path, env });
const expectExit = ({ exitCode, stdout, stderr }: Awaited<ReturnType<typeof run>>, code: number) =>
  expect(exitCode, `${stdout}${stderr}`).toBe(code);
const artifact = () => {
  const names = readdirSync(join(place.path, 'backups'), { recursive: true, encoding: 'utf8' });
  return join(place.path, 'backups', names.find((name) => name.endsWith('.rdb'))!);
};

describe.skipIf(!hasRedis())('a redis server', () => {
  it('is backed up, proven in scratch against itself, lost, and put back with its log of writes', async () => {
    server = await RedisServer.start({ password, settings: ['--appendonly', 'yes'] });
    await fill(server);
    await populate(server, 2000);
    const assert = [
      { key: 'cart:*', equals: 2 },
      { contents: 'checksums', compare: 'source' },
    ];
    write({
      source: { 'data-directory': server.directory },
      backup: { verify: ['content', { restore: { into: 'scratch', assert } }] },
      restore: { assert: [{ key: 'cart:*', equals: 2 }] },
    });
    expectExit(await run('apply', 'plan.yaml'), 0);
    const { backups } = JSON.parse((await run('list', 'plan.yaml', '--json')).stdout);
    expect(backups.map(({ state }: { state: string }) => state)).toEqual(['good']);
    const before = await fingerprint(server);
    server.cli('FLUSHALL');
    server.cli('SET', 'written', 'since');
    manage();
    expectExit(await run('restore', 'plan.yaml', 'cache', '--latest', '--yes'), 0);
    expect(await fingerprint(server)).toBe(before);
    server.cli('SET', 'later', 'kept');
    await server.stop();
    await server.start();
    expect(server.cli('GET', 'later')).toBe('kept');
    server.cli('DEL', 'later');
    expect(await fingerprint(server)).toBe(before);
    // The safety copy is exactly what was there when the server was stopped.
    const listed = JSON.parse((await run('list', 'plan.yaml', '--json')).stdout).backups;
    expect(listed.length).toBe(2);
    expect(readdirSync(server.directory).filter((name) => name.includes('runner'))).toEqual([]);
  });

  it('gets lost keys back while it runs', async () => {
    server = await RedisServer.start({ password });
    await fill(server);
    write({ restore: { stop: [], options: { into: 'keys', pattern: 'cart:*' } } });
    expectExit(await run('apply', 'plan.yaml'), 0);
    for (const key of ['cart:1', 'cart:2', 'plain']) server.cli('DEL', key);
    expectExit(await run('restore', 'plan.yaml', 'cache', '--latest', '--yes'), 0);
    expect(server.cli('MGET', 'cart:1', 'cart:2', 'plain')).toBe('value of cart:1\nvalue of cart:2');
  });

  it('is left alone by a damaged artifact', async () => {
    server = await RedisServer.start({ password });
    await fill(server);
    write({ source: { 'data-directory': server.directory } });
    expectExit(await run('apply', 'plan.yaml'), 0);
    const before = await fingerprint(server);
    const bytes = readFileSync(artifact());
    bytes[700]! ^= 4;
    execFileSync('chmod', ['u+w', artifact()]);
    writeFileSync(artifact(), bytes);
    manage();
    const pid = server.pid;
    expect((await run('restore', 'plan.yaml', 'cache', '--latest', '--yes')).exitCode).not.toBe(0);
    expect(server.pid).toBe(pid);
    expect(await fingerprint(server)).toBe(before);
    expect(readdirSync(server.directory).filter((name) => name.includes('runner'))).toEqual([]);
  });

  it('gets its own data back where it does not take the new', async () => {
    server = await RedisServer.start({ password, settings: ['--appendonly', 'yes'] });
    await fill(server);
    // The dump goes to a place that the server does not read.
    const elsewhere = join(place.path, 'elsewhere');
    execFileSync('mkdir', [elsewhere]);
    write({ source: { 'data-directory': elsewhere } });
    expectExit(await run('apply', 'plan.yaml'), 0);
    const before = await fingerprint(server);
    server.cli('DEL', 'plain');
    manage();
    const { exitCode, stderr } = await run('restore', 'plan.yaml', 'cache', '--latest', '--yes');
    expect(stderr).toMatch(/does the server really read/);
    expect(exitCode).not.toBe(0);
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(await fingerprint(server)).not.toBe(before);
    expect(server.cli('EXISTS', 'plain', 'number')).toBe('1');
  });

  it('is down: its dump is put in place all the same, and what lay there is kept', async () => {
    server = await RedisServer.start({ password, settings: ['--appendonly', 'yes'] });
    await fill(server);
    write({ source: { 'data-directory': server.directory } });
    expectExit(await run('apply', 'plan.yaml'), 0);
    const before = await fingerprint(server);
    server.cli('SET', 'written', 'since');
    await server.stop('SIGKILL');
    manage();
    const said = await run('restore', 'plan.yaml', 'cache', '--latest', '--yes');
    expectExit(said, 0);
    expect(await fingerprint(server)).toBe(before);
    const kept = readdirSync(server.directory).filter((name) => name.includes('runner-old'));
    expect(kept).toEqual(['.dump.rdb.runner-old.appendonlydir']);
  });

  it('is not touched by a restore to a file elsewhere', async () => {
    server = await RedisServer.start({ password });
    await fill(server);
    write();
    expectExit(await run('apply', 'plan.yaml'), 0);
    expectExit(await run('restore', 'plan.yaml', 'cache', '--latest', '--to', 'copy.rdb'), 0);
    expect(await fingerprintOf(join(place.path, 'copy.rdb'))).toBe(await fingerprint(server));
    expectExit(await run('restore', 'plan.yaml', 'cache', '--latest'), 4);
  });

  it('tells everything that is wrong before anything starts', async () => {
    server = await RedisServer.start({ password });
    write({ source: { user: 'nobody' } });
    const { exitCode, stderr } = await run('apply', 'plan.yaml');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('refuses the user or the password');
    expect(stderr).not.toContain(password);
  });

  it('has no connection of ours when the runner was killed', async () => {
    server = await RedisServer.start({ password, settings: ['--rdb-key-save-delay', '2000'] });
    await populate(server, 60_000);
    write();
    const child = spawn(process.execPath, ['--', cli, 'apply', 'plan.yaml'], {
      cwd: place.path,
      env: { PATH: process.env.PATH, HOME: place.path, ...env },
      stdio: 'ignore',
    });
    const others = () =>
      server
        .cli('CLIENT', 'LIST')
        .split('\n')
        .filter((line) => !line.includes('cmd=client'));
    for (let turn = 0; turn < 600 && !others().some((line) => line.includes('flags=S')); turn += 1) await sleep(100);
    expect(others()).toEqual([expect.stringContaining('flags=S')]);
    child.kill('SIGKILL');
    for (let turn = 0; turn < 600 && others().length > 0; turn += 1) await sleep(100);
    expect(others()).toEqual([]);
  });

  it.skipIf(!has('strace'))(
    'shows its password to nobody',
    async () => {
      server = await RedisServer.start({ password });
      await fill(server);
      const port = await freePort();
      expect(port).toBeGreaterThan(0);
      write({ restore: { stop: [], options: { into: 'keys', replace: true } } });
      const trace = join(place.path, 'trace');
      const traced = (...words: string[]) =>
        execFileSync(
          'strace',
          ['-f', '-qq', '-s', '4096', '-e', 'trace=execve', '-o', trace, '-A', process.execPath, '--', cli, ...words],
          {
            cwd: place.path,
            env: { PATH: process.env.PATH, HOME: place.path, ...env },
            stdio: 'pipe',
          },
        ).toString();
      const said = [
        traced('apply', 'plan.yaml'),
        traced('doctor', 'plan.yaml'),
        traced('restore', 'plan.yaml', 'cache', '--latest', '--yes'),
        traced('restore', 'plan.yaml', 'cache', '--latest', '--plan-only'),
      ].join('\n');
      const text = readFileSync(trace, 'utf8');
      expect(text).toContain('redis-cli');
      const manifest = readFileSync(artifact().replace(/\.rdb$/, '.manifest.json'), 'utf8');
      for (const shown of [
        text,
        said,
        manifest,
        readFileSync(join(dirname(artifact()), '..', '..', '..', 'RECOVERY.md'), 'utf8'),
      ])
        expect(shown).not.toContain(`p'a`);
    },
    60_000,
  );
});
