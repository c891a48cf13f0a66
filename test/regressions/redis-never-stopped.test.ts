/** A restore that changes the files below a server that still runs has restored nothing, and must not take the old data away. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { hasRedis, RedisServer } from '../helpers/redis.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
let server: RedisServer | undefined;

beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(async () => {
  await server?.end();
  place.remove();
});

describe.skipIf(!hasRedis())('a redis server that no step of the plan stops', () => {
  it.each([
    ['there is none', []],
    ['it stops something else', [{ run: ['true'], start: ['true'] }]],
  ])(
    'keeps its data and its log of writes, and the restore fails: %s',
    async (_, stop) => {
      server = await RedisServer.start({ password: 'p', settings: ['--appendonly', 'yes'] });
      const source = {
        type: 'redis',
        socket: server.socket,
        password: { secret: 'password' },
        'data-directory': server.directory,
      };
      const cache = { source, destinations: ['disk'], retention: { last: 3 }, verify: ['content'], restore: { stop } };
      const plan = {
        version: 1,
        name: 'shop',
        secrets: { password: { env: 'REDIS_PASSWORD' } },
        destinations: { disk: { type: 'local', path: 'backups' } },
        backups: { cache },
      };
      writeFileSync(join(place.path, 'plan.yaml'), stringify(plan));
      const run = (...words: string[]) => runner(words, { cwd: place.path, env: { REDIS_PASSWORD: 'p' } });
      // What it has loaded at its start is as much as the dump holds: none.
      expect((await run('apply', 'plan.yaml')).exitCode).toBe(0);
      server.cli('SET', 'written', 'since');
      const { exitCode, stderr } = await run('restore', 'plan.yaml', 'cache', '--latest', '--yes');
      expect(stderr).toContain('the stop steps of the plan must stop the server');
      expect(exitCode).toBe(1);
      expect(readdirSync(server.directory).filter((name) => name.includes('runner'))).toEqual([]);
      server.cli('SET', 'later', 'too');
      await server.stop();
      await server.start();
      expect([server.cli('GET', 'written'), server.cli('GET', 'later')]).toEqual(['since', 'too']);
    },
    60_000,
  );
});
