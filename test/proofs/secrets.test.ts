/**
 * A password that is known when it is seen: in no argument of any program on either side, and in nothing that is written or printed,
 * over everything that a plan may do with a server.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MysqlServer } from '../helpers/mysql.ts';
import type { Postgres } from '../helpers/postgres.ts';
import { able, has, isRoot } from '../helpers/programs.ts';
import type { RedisServer } from '../helpers/redis.ts';
import { built, cli, type Finished, finished, start, temporaryDirectory } from '../helpers/runner.ts';
import { canServe, type Kind, kinds, type Place, places, type Served, serve } from '../helpers/served.ts';
import { full, printTable, proofTimeout } from './support.ts';

const word = 's3nt1nelW0rd';
/** Every printable character, and the word: however it is quoted, the word stays what it is. */
const password = `${Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')}${word}`;

/** The word as it is, and in base64, whatever stands in front of it. */
const shapes = [
  word,
  ...[0, 1, 2].map((before) =>
    Buffer.from(`${'.'.repeat(before)}${word}`)
      .toString('base64')
      .slice(4, -4),
  ),
];
const shows = (text: string) => shapes.filter((shape) => text.includes(shape));

const strace = ['-f', '-qq', '-s', '100000', '-e', 'trace=execve'];
/** What it starts itself it stops at no other call. */
const quick = [...strace, '--seccomp-bpf'];
/** What is started elsewhere is made in one way whatever the kind and the place; that of Docker takes three times as long to watch. */
const chosen = kinds
  .flatMap((kind) => places.map((place): [Kind, Place] => [kind, place]))
  .filter(([kind, place]) => full || place === 'here' || (kind === 'postgres' && place === 'ssh'));
const watched = has('strace') && able(isRoot, 'root');

/** Two cores may be shared by many, and each call of a program is looked at. */
const timeout = Math.max(proofTimeout, 600_000);
const rows: Record<string, string | number>[] = [];
afterAll(() => {
  if (rows.length > 0) printTable('secrets', rows);
});

describe.each(chosen)('%s, %s', (kind, place) => {
  describe.skipIf(!watched || !canServe(kind, place))('the password', () => {
    let home: ReturnType<typeof temporaryDirectory>;
    let served: Served;
    let trace: string[];

    beforeAll(async () => {
      await built();
      home = temporaryDirectory('sec-');
      served = await serve(kind, place, password, {
        under: ['strace', '-D', ...quick, '-o', join(home.path, 'there')],
      });
      await fill(kind, served);
      for (const name of ['tmp', 'logs', 'disk']) mkdirSync(join(home.path, name));
      // The throw-away server belongs to a user that owns nothing.
      chmodSync(home.path, 0o755);
      chmodSync(join(home.path, 'tmp'), 0o1777);
      write(home.path, kind, served);
    });
    afterAll(async () => {
      await served?.stop();
      home?.remove();
    });

    /** One run of the program, and every program that it or those started. */
    const run = async (secret: string, ...words: string[]): Promise<Finished> => {
      const file = join(home.path, 'trace');
      const env = { ...served.env, PASSWORD: secret, HOME: home.path, TMPDIR: join(home.path, 'tmp') };
      const logged = ['apply', 'verify', 'restore'].includes(words[0]!) ? ['--log-dir', 'logs'] : [];
      const all = [...quick, '-o', file, process.execPath, '--', cli, ...words, ...logged];
      const ended = await finished(start('strace', all, { cwd: home.path, env }));
      trace.push(readFileSync(file, 'utf8'));
      writeFileSync(file, '');
      return ended;
    };

    it('is in no argument of a program and in nothing that is said or kept', { timeout }, async () => {
      trace = [];
      const said: Finished[] = [];
      const there = await watchThere(served, join(home.path, 'there'));
      const succeeds = async (...words: string[]) => {
        const ended = await run(password, ...words);
        expect(ended.exitCode, `${words}: ${ended.stderr}${ended.stdout}`).toBe(0);
        said.push(ended);
      };
      await succeeds('plan', 'plan.yaml', '--json');
      await succeeds('apply', 'plan.yaml', '--json');
      await succeeds('verify', 'plan.yaml', 'shop', '--level', 'restore');
      await succeeds('doctor', 'plan.yaml', '--json');
      await succeeds('restore', 'plan.yaml', 'shop', '--latest', '--yes');
      // Every form of what is said: it is the same whatever the server and wherever it stands.
      if (full || (kind === 'postgres' && place === 'here')) {
        await succeeds('plan', 'plan.yaml');
        await succeeds('apply', 'plan.yaml');
        await succeeds('list', 'plan.yaml', '--json');
        await succeeds('doctor', 'plan.yaml');
        await succeeds('restore', 'plan.yaml', 'shop', '--latest', '--plan-only', '--json');
      }
      const refused = await run(`${password}x`, 'apply', 'plan.yaml');
      expect(refused.exitCode, refused.stderr).toBe(4);
      said.push(refused);

      const sides = { here: trace.join('\n'), ...(there ? { there: await there() } : {}) };
      const programs = { postgres: 'pg_dump', mariadb: 'mariadb-dump', redis: 'redis-cli' }[kind];
      for (const [side, text] of Object.entries(sides)) {
        const calls = text.split('\n').filter((line) => line.includes('execve('));
        expect(calls.filter((line) => line.includes(programs)).length, side).toBeGreaterThan(0);
        expect(calls.filter((line) => shows(line).length > 0)).toEqual([]);
        rows.push({ kind, place, side, 'calls of execve': calls.length, 'with the password': 0 });
      }
      for (const { stdout, stderr } of said) expect(shows(stdout + stderr), stdout + stderr).toEqual([]);
      const files = kept(home.path);
      for (const needed of ['.manifest.json', 'RECOVERY.md', '.log'])
        expect(files.filter((name) => name.endsWith(needed)).length, needed).toBeGreaterThan(0);
      expect(files.filter((name) => shows(readFileSync(join(home.path, name), 'latin1')).length > 0)).toEqual([]);
      // The hook had it: what is looked for was there to be found.
      expect(readFileSync(join(home.path, 'hooked'), 'utf8').trim()).toBe(String(password.length));
    });
  });
});

it.skipIf(!watched)('a password in an argument is found, however it is written', () => {
  for (const text of [password, `-p${encodeURIComponent(password)}`, Buffer.from(password).toString('base64')]) {
    const { stderr } = spawnSync('strace', [...strace, 'true', text], { encoding: 'utf8' });
    expect(shows(stderr)).not.toEqual([]);
  }
});

async function fill(kind: Kind, { server }: Served): Promise<void> {
  if (kind === 'postgres')
    await (server as Postgres).create('shop', 'create table t as select generate_series(1, 9) n');
  else if (kind === 'mariadb')
    (server as MysqlServer).sql(
      'CREATE DATABASE shop; CREATE TABLE shop.t (n INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)',
    );
  else await (server as RedisServer).with((send) => send('SET', 'a', 'b'));
}

function write(folder: string, kind: Kind, { source }: Served): void {
  const secret = { secret: 'password' };
  const asked = kind === 'redis' ? [] : [{ sql: 'select count(*) from t' }];
  const hook = { run: ['sh', '-c', 'printf %s "$WORD" | wc -c > hooked'], environment: { WORD: secret } };
  const plan = {
    version: 1,
    name: 'shop',
    secrets: { password: { env: 'PASSWORD' } },
    destinations: { disk: { type: 'local', path: 'disk' } },
    backups: {
      shop: {
        source: { ...source, ...(kind === 'redis' ? {} : { database: 'shop' }) },
        destinations: ['disk'],
        retention: { last: 5 },
        verify: ['content', { restore: { into: 'scratch', assert: [{ contents: 'checksums', compare: 'source' }] } }],
        hooks: { before: [hook, ...asked], after: [hook, ...asked] },
        restore: { after: [hook], ...(kind === 'redis' ? { options: { into: 'keys', replace: true } } : {}) },
      },
    },
  };
  writeFileSync(join(folder, 'plan.yaml'), JSON.stringify(plan).replaceAll('$', '$$$$'));
}

/** Watches the far side, and tells what was started there: by the ssh server, or by whatever keeps the container. */
async function watchThere({ container, sshd, env }: Served, file: string): Promise<(() => Promise<string>) | null> {
  // It was started under our eyes.
  if (sshd) return async () => readFileSync(file, 'utf8');
  if (!container) return null;
  const pid = keeperOf(container.name, env);
  const watching: ChildProcess = spawn('strace', [...strace, '-o', file, '-p', String(pid)], { stdio: 'ignore' });
  const ended = once(watching, 'exit');
  while (!isTraced(pid)) await sleep(20);
  return async () => {
    watching.kill();
    await ended;
    return readFileSync(file, 'utf8');
  };
}

/** Every program that runs in a container is started below the parent of its first one. */
function keeperOf(name: string, env: Record<string, string>): number {
  const words = ['inspect', '--format={{.State.Pid}}', name];
  const { stdout } = spawnSync('docker', words, { encoding: 'utf8', env: { ...process.env, ...env } });
  return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${stdout.trim()}/status`, 'utf8'))![1]);
}

const isTraced = (pid: number) => !/^TracerPid:\s*0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

/** All files, but those that the test itself made. */
function kept(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
