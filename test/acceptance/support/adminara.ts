/** The data of document 000, and who stops and starts its Redis. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisServer } from '../../helpers/redis.ts';

/** The persistence that the document sets. */
export const settings = [
  ...['--appendonly', 'yes', '--appendfsync', 'everysec'],
  ...['--save', '900 1 300 10 60 10000', '--repl-diskless-sync-delay', '0', '--enable-debug-command', 'yes'],
];

/** Sessions that expire, a queue, and so many MiB beside them. */
export async function fillRedis(redis: RedisServer, mebibytes: number): Promise<void> {
  const script = `for i = 1, 5000 do redis.call('SET', 'session:' .. i, 'user ' .. i, 'PXAT', 4102444800000 + i) end
    return redis.call('RPUSH', 'queue:notifications', 'telegram', 'sentry', 'mail')`;
  await redis.with(async (send) => {
    await send('EVAL', script, '0');
    for (let index = 0; index < mebibytes; index += 1) await send('SET', `upload:${index}`, randomBytes(1 << 20));
  });
}

/** Winston's folder: a file a day, gzipped when the day is over, for 14 days. */
export function fillLogs(folder: string): void {
  for (let age = 0; age < 14; age += 1) {
    const time = new Date(Date.now() - age * 86_400_000);
    const file = join(folder, `app-${time.toISOString().slice(0, 10)}.log`);
    writeFileSync(file, `{"level":"info","day":${age}}\n`.repeat(200));
    if (age > 0) execFileSync('gzip', ['-n', file]);
  }
}

/** Real stop and start of the real server; only the service manager, a `systemctl` in `folder`, is a stand-in. */
export function manageRedis(folder: string, redis: RedisServer): { stop(): void } {
  mkdirSync(folder);
  const asked = join(folder, 'asked');
  const wait = `: >"${asked}.$1"\nwhile [ -e "${asked}.$1" ]; do sleep 0.05; done`;
  writeFileSync(join(folder, 'systemctl'), `#!/bin/sh\n[ "$3" = redis-server ] || exit 5\n${wait}\n`);
  chmodSync(join(folder, 'systemctl'), 0o755);
  let busy = false;
  const timer = setInterval(async () => {
    const word = ['stop', 'start'].find((name) => existsSync(`${asked}.${name}`));
    if (word === undefined || busy) return;
    busy = true;
    await (word === 'stop' ? redis.stop() : redis.start());
    rmSync(`${asked}.${word}`);
    busy = false;
  }, 30);
  return { stop: () => clearInterval(timer) };
}
