import { copyFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { redis } from '../../src/sources/redis/index.ts';
import { describeSource } from '../contracts/describe.ts';
import { freePort } from '../helpers/port.ts';
import { able } from '../helpers/programs.ts';
import { fill, fingerprint, fingerprintOf, hasRedis, RedisServer, valkeyFolder } from '../helpers/redis.ts';
import { temporary } from './temporary.ts';

const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
const servers: RedisServer[] = [];
afterAll(async () => {
  for (const server of servers) await server.end();
});

async function filled(options: Parameters<typeof RedisServer.start>[0] = {}) {
  const server = await RedisServer.start(options);
  servers.push(server);
  await fill(server);
  return server;
}

async function makeCase(spec: object, server: RedisServer, without: string[] = []) {
  const base = { type: 'redis' as const, ...spec };
  const aside = join(temporary(), "aside's dump.rdb");
  server.cli('SAVE');
  copyFileSync(join(server.directory, 'dump.rdb'), aside);
  return {
    kind: redis,
    spec: base,
    missing: { ...base, socket: '/nowhere/redis.sock' },
    secrets: { password: printable, url: `redis://:${encodeURIComponent(printable)}@127.0.0.1:${server.options.port}` },
    without,
    fingerprint: (path: string | null) => (path === null ? fingerprint(server) : fingerprintOf(path)),
    manualResult: 'dump.rdb',
    elsewhere: aside,
  };
}

describe.skipIf(!hasRedis())('redis', () => {
  describe('over a socket with a password', () =>
    describeSource('redis', async () => {
      const server = await filled({ password: printable });
      return makeCase({ socket: server.socket, password: { secret: 'password' } }, server);
    }));

  describe('by a URL', () =>
    describeSource('redis', async () => {
      const server = await filled({ password: printable, port: await freePort() });
      const given = await makeCase({ url: { secret: 'url' } }, server);
      return { ...given, missing: { type: 'redis', port: await freePort() } };
    }));

  describe('by BGSAVE, AOF on', () =>
    describeSource('redis', async () => {
      const server = await filled({ settings: ['--appendonly', 'yes'] });
      return makeCase({ socket: server.socket, method: 'bgsave', 'data-directory': server.directory }, server);
    }));

  describe('without redis-check-rdb', () =>
    describeSource('redis', async () => {
      const server = await filled();
      return makeCase({ socket: server.socket }, server, ['redis-check-rdb']);
    }));
});

const valkey = valkeyFolder();
const redisPrograms = ['redis-cli', 'redis-server', 'redis-check-rdb'];

describe.skipIf(!able(hasRedis() && valkey !== null, 'valkey-server'))('valkey, by its own programs', () =>
  describeSource('redis', async () => {
    process.env.PATH = `${process.env.PATH}${delimiter}${valkey}`;
    const program = join(valkey!, 'valkey-server');
    const server = await filled({ program });
    const given = await makeCase({ socket: server.socket }, server, redisPrograms);
    return {
      ...given,
      fingerprint: (path: string | null) => (path === null ? fingerprint(server) : fingerprintOf(path, program)),
    };
  }),
);
