/**
 * Servers that only a program in their container or behind ssh can reach, while a dump is in the middle: the runner is killed,
 * the line is cut, the network falls silent. Ten seconds later no server has a connection of ours. (Killed beside its server:
 * see the tests of each kind.)
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MysqlServer } from '../helpers/mysql.ts';
import type { Postgres } from '../helpers/postgres.ts';
import { has } from '../helpers/programs.ts';
import { populate, type RedisServer } from '../helpers/redis.ts';
import { temporaryDirectory } from '../helpers/runner.ts';
import { canServe, type Kind, kinds, type Served, serve } from '../helpers/served.ts';
import { full, killIfThere, launch, printTable, proofTimeout, type Running, waitFor } from './support.ts';

/** Packets of one port of loopback are dropped: only root can do that, and not in every container. */
const canCut = has('iptables') && spawnSync('iptables', ['-S', 'INPUT']).status === 0;
const password = 'sesame';
const chosen = kinds
  .flatMap((kind) => (['docker', 'ssh'] as const).map((place) => [kind, place] as const))
  .filter(([kind, place]) => full || kind === 'postgres' || place === 'ssh');

/** Two cores may be shared by many. */
const timeout = Math.max(proofTimeout, 600_000);
const rows: Record<string, string | number>[] = [];
afterAll(() => {
  if (rows.length > 0) printTable('connections', rows);
});

describe.each(chosen)('%s, %s', (kind, place) => {
  describe.skipIf(!canServe(kind, place))('no connection of ours is left', () => {
    let served: Served;
    let home: ReturnType<typeof temporaryDirectory>;
    beforeAll(async () => {
      served = await serve(kind, place, password);
      await fill(kind, served);
    });
    afterAll(() => served?.stop());
    beforeEach(() => {
      home = temporaryDirectory('con-');
      mkdirSync(join(home.path, 'bin'));
      mkdirSync(join(home.path, 'disk'));
      // It takes little at a time, so that whoever writes to it must wait: the dump is in the middle for minutes.
      const slow = join(home.path, 'bin', 'xz');
      const one = 'dd bs=64k count=1 2>/dev/null | wc -c';
      // Said once: whoever goes on when the test is over must not write into what is being removed.
      const said = `[ "$(${one})" -gt 0 ] && : >'${join(home.path, 'taken')}'`;
      const take = `${said}\nwhile [ "$(${one})" -gt 0 ]; do sleep 0.3; done`;
      writeFileSync(slow, `#!/bin/sh\n[ "$1" = --version ] && exec /usr/bin/xz --version\n${take}\n`);
      chmodSync(slow, 0o755);
      const source = { ...served.source, ...(kind === 'redis' ? {} : { database: 'shop' }) };
      const backup = { source, destinations: ['disk'], transforms: ['xz'], retention: { last: 3 } };
      const plan = {
        version: 1,
        name: 'shop',
        secrets: { password: { env: 'PASSWORD' } },
        destinations: { disk: { type: 'local', path: 'disk' } },
        backups: { shop: { ...backup, verify: ['content'] } },
      };
      writeFileSync(join(home.path, 'plan.yaml'), JSON.stringify(plan));
    });
    afterEach(() => home.remove());

    const dumping = async (): Promise<Running> => {
      const PATH = `${join(home.path, 'bin')}:${served.env.PATH ?? process.env.PATH}`;
      const env = { ...served.env, PASSWORD: password, HOME: home.path, PATH };
      const running = await launch(['apply', 'plan.yaml', '--json'], { cwd: home.path, env });
      expect(await running.until('"event":"task-started","task":"capture:shop"')).not.toBeNull();
      // A dump, and not only a question that came before it. That of Redis comes into a file first: it is the one replica.
      const replica = () => / flags=\w*S/.test((served.server as RedisServer).cli('CLIENT', 'LIST'));
      const dumps = kind === 'redis' ? replica : () => existsSync(join(home.path, 'taken'));
      expect(await waitFor(dumps, 120_000, 50), running.said.stdout + running.said.stderr).toBe(true);
      expect(await ours(kind, served), running.said.stdout + running.said.stderr).toBeGreaterThan(0);
      return running;
    };
    const gone = async (how: string) => {
      const began = performance.now();
      while ((await ours(kind, served)) > 0 && performance.now() - began < 60_000) await sleep(100);
      const seconds = (performance.now() - began) / 1000;
      rows.push({ kind, place, how, seconds: seconds.toFixed(1) });
      expect(await ours(kind, served)).toBe(0);
      expect(seconds).toBeLessThan(full ? 10 : 40);
    };

    it('when the runner was killed', { timeout }, async () => {
      const running = await dumping();
      process.kill(running.pid, 'SIGKILL');
      await gone('the runner is killed');
    });

    it('when the client that leads there was killed, and the run fails', { timeout }, async () => {
      const running = await dumping();
      const clients = clientsOf(served);
      expect(clients.length).toBeGreaterThan(0);
      // One may go with the one before it, whose connection it shared.
      for (const pid of clients) killIfThere(pid, 'SIGKILL');
      await gone('the client is killed');
      const { exitCode, stdout } = await running.ended;
      expect(exitCode).toBe(2);
      expect(stdout).toMatch(/the connection to \S+ \S+ was cut/);
    });

    // How it is noticed, and that the other end gives up, is ssh's and ours: the same whatever runs there.
    const silent = place === 'ssh' && (full || kind === 'postgres');
    it.skipIf(!silent || !canCut)('when the network fell silent', { timeout }, async () => {
      const running = await dumping();
      const port = String(served.sshd!.port);
      const rules = ['--dport', '--sport'].map((end) => ['INPUT', '-i', 'lo', '-p', 'tcp', end, port, '-j', 'DROP']);
      // Whatever becomes of this test, the rules leave.
      const undo = rules.map((rule) => `iptables -D ${rule.join(' ')}`).join('; ');
      spawn('sh', ['-c', `sleep 120; ${undo}`], { detached: true, stdio: 'ignore' }).unref();
      for (const rule of rules) spawnSync('iptables', ['-I', ...rule]);
      try {
        await gone('the network is silent');
        const { exitCode, stdout } = await running.ended;
        expect(exitCode).toBe(2);
        expect(stdout).toMatch(/the connection to \S+ \S+ was cut/);
      } finally {
        for (const rule of rules) spawnSync('iptables', ['-D', ...rule]);
      }
    });
  });
});

/** More than all the pipes and windows between here and there hold. */
async function fill(kind: Kind, { server }: Served): Promise<void> {
  if (kind === 'postgres')
    await (server as Postgres).create(
      'shop',
      'create table t as select i, md5(i::text) as a, md5((i + 1)::text) as b from generate_series(1, 600000) i',
    );
  else if (kind === 'mariadb')
    (server as MysqlServer).sql(
      'CREATE DATABASE shop; USE shop; CREATE TABLE t AS SELECT seq AS i, MD5(seq) AS a, MD5(seq + 1) AS b FROM seq_1_to_600000',
    );
  else {
    await populate(server as RedisServer, 60_000);
    (server as RedisServer).cli('CONFIG', 'SET', 'rdb-key-save-delay', '2000');
  }
}

/** Connections of ours that the server knows of. */
async function ours(kind: Kind, { server }: Served): Promise<number> {
  if (kind === 'postgres')
    return Number(await (server as Postgres).query(`select count(*) from pg_stat_activity where usename = 'keeper'`));
  if (kind === 'mariadb') return (server as MysqlServer).connections('keeper');
  const clients = (server as RedisServer).cli('CLIENT', 'LIST').split('\n');
  return clients.filter((line) => / user=keeper /.test(line)).length;
}

/** The programs on this machine that lead there. */
function clientsOf({ container, sshd }: Served): number[] {
  const [program, mark] = container ? ['docker', container.name] : ['ssh', sshd!.knownHosts];
  return readdirSync('/proc').flatMap((id) => {
    if (!/^\d+$/.test(id)) return [];
    try {
      const words = readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0');
      const its = words[0]!.split('/').at(-1) === program || words[0]!.startsWith(`${program}: `);
      return its && words.some((word) => word.includes(mark)) ? [Number(id)] : [];
    } catch {
      return [];
    }
  });
}
