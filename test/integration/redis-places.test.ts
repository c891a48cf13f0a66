/** A Redis server that only programs beside it can reach: in a container without network, and at the far end of ssh. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Container, dockerEngine } from '../helpers/docker.ts';
import { fill, fingerprint, hasRedis, populate, RedisServer } from '../helpers/redis.ts';
import { cli as program, runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, type Sshd, startSshd } from '../helpers/ssh.ts';

const engine = hasRedis() ? dockerEngine() : null;
const password = `p'a"s$s w\\o%rd`;

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

function write(source: object, backup: object): void {
  const plan = {
    version: 1,
    name: 'shop',
    secrets: { password: { env: 'REDIS_PASSWORD' } },
    destinations: { disk: { type: 'local', path: 'backups' } },
    backups: {
      cache: {
        source: { type: 'redis', password: { secret: 'password' }, ...source },
        destinations: ['disk'],
        retention: { last: 3 },
        verify: ['content', { restore: { into: 'scratch', assert: [{ contents: 'checksums', compare: 'source' }] } }],
        ...backup,
      },
    },
  };
  writeFileSync(join(place.path, 'plan.yaml'), stringify(plan));
}

async function succeeds(...words: string[]): Promise<string> {
  const env = { REDIS_PASSWORD: password, ...engine?.env };
  const { exitCode, stdout, stderr } = await runner(words, { cwd: place.path, env });
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

describe.skipIf(!engine)('in a container', () => {
  let container: Container;
  /** The same directory, as the machine sees it: a server here shows what is in it. */
  let data: string;

  const image = () => engine!.image('redis', ['redis-server', 'redis-cli', 'redis-check-rdb']);
  const start = async (settings: string[]) => {
    data = join(place.path, 'data');
    mkdirSync(data);
    chmodSync(data, 0o777);
    const args = ['redis-server', '--port', '0', '--unixsocket', '/data/s', '--dir', '/data', '--save', ''];
    const fast = ['--repl-diskless-sync-delay', '0', '--requirepass', password];
    container = engine!.run(image(), [...args, ...fast, ...settings], { args: [`--volume=${data}:/data`] });
    await answering();
  };
  const answering = async () => {
    for (let turn = 0; turn < 1200 && !existsSync(join(data, 's')); turn += 1) await sleep(50);
    for (let turn = 0; turn < 100 && cli('PING') !== 'PONG'; turn += 1) await sleep(50);
  };
  const cli = (...words: string[]) =>
    engine!
      .docker(['exec', '--env', `REDISCLI_AUTH=${password}`, container.name, 'redis-cli', '-s', '/data/s', ...words])
      .stdout.trimEnd();
  const seen = async (act: (server: RedisServer) => Promise<string>): Promise<string> => {
    // The socket lies in the volume, so a client here reaches the server too.
    const server = Object.assign(Object.create(RedisServer.prototype), { directory: data, options: { password } });
    return await act(server as RedisServer);
  };
  const makeData = () =>
    seen(async (server) => {
      await fill(server);
      await populate(server, 3000);
      return '';
    });

  afterEach(() => container?.remove());

  it('is backed up over its socket, and gets its keys back while it runs', async () => {
    await start([]);
    await makeData();
    const before = await seen(fingerprint);
    write({ socket: '/data/s', 'run-in': { docker: container.name } }, { restore: { options: { into: 'keys' } } });
    await succeeds('apply', 'plan.yaml');
    cli('FLUSHALL');
    await succeeds('restore', 'plan.yaml', 'cache', '--latest', '--yes');
    expect(await seen(fingerprint)).toBe(before);
    // A pause of a second, between two looks at whether we live, may outlast what it guarded.
    const others = () => container.processes().filter((line) => !/redis-server|init/.test(line));
    for (let turn = 0; turn < 300 && others().length > 0; turn += 1) await sleep(100);
    expect(others()).toEqual([]);
  });

  it('is proven in a throw-away container, and has no connection of ours when the runner was killed', async () => {
    await start(['--rdb-key-save-delay', '200']);
    await makeData();
    const assert = [{ contents: 'checksums', compare: 'source' }];
    write(
      { socket: '/data/s', 'run-in': { docker: container.name } },
      { verify: ['content', { restore: { into: { docker: image() }, assert } }] },
    );
    await succeeds('apply', 'plan.yaml');
    cli('CONFIG', 'SET', 'rdb-key-save-delay', '20000');
    const others = () =>
      cli('CLIENT', 'LIST')
        .split('\n')
        .filter((line) => !line.includes('cmd=client'));
    const child = spawn(process.execPath, ['--', program, 'apply', 'plan.yaml'], {
      cwd: place.path,
      env: { PATH: process.env.PATH, HOME: place.path, REDIS_PASSWORD: password, ...engine!.env },
      stdio: 'ignore',
    });
    for (let turn = 0; turn < 600 && !others().some((line) => line.includes('flags=S')); turn += 1) await sleep(100);
    expect(others()).toEqual([expect.stringContaining('flags=S')]);
    child.kill('SIGKILL');
    const killed = Date.now();
    while (others().length > 0 && Date.now() - killed < 60_000) await sleep(100);
    expect(others()).toEqual([]);
  });

  it('saves by itself, and its volume gets the dump while it stands still, log of writes and all', async () => {
    await start(['--appendonly', 'yes']);
    await makeData();
    const before = await seen(fingerprint);
    const source = {
      socket: '/data/s',
      method: 'bgsave',
      'data-directory': '/data',
      'run-in': { docker: container.name },
    };
    const restore = { to: join(data, 'dump.rdb'), stop: [{ docker: container.name }] };
    write(source, { restore });
    await succeeds('apply', 'plan.yaml');
    cli('FLUSHALL');
    cli('SET', 'written', 'since');
    await succeeds('restore', 'plan.yaml', 'cache', '--latest', '--yes');
    await answering();
    expect(await seen(fingerprint)).toBe(before);
    engine!.docker(['restart', '--time=5', container.name]);
    await answering();
    expect(await seen(fingerprint)).toBe(before);
  });
});

describe.skipIf(!hasRedis() || !hasSshd())('over ssh', () => {
  let server: RedisServer;
  let sshd: Sshd;
  afterEach(async () => {
    await sshd?.stop();
    await server?.end();
  });

  it.each(['rdb', 'bgsave'])(
    'is backed up by %s and gets its keys back',
    async (method) => {
      server = await RedisServer.start({ password });
      await fill(server);
      const keys = join(place.path, 'ssh');
      mkdirSync(keys, { mode: 0o700 });
      sshd = await startSshd(keys);
      const before = await fingerprint(server);
      const source = { socket: server.socket, method, 'data-directory': server.directory, 'run-in': sshd.runIn };
      write(source, { restore: { options: { into: 'keys' } } });
      await succeeds('apply', 'plan.yaml');
      server.cli('FLUSHALL');
      await succeeds('restore', 'plan.yaml', 'cache', '--latest', '--yes');
      expect(await fingerprint(server)).toBe(before);
    },
    120_000,
  );
});
