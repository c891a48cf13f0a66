/** A MariaDB server that listens on a socket inside its container only: backed up, proven in an image, restored. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Container, dockerEngine } from '../helpers/docker.ts';
import { hasServer, MysqlServer } from '../helpers/mysql.ts';
import { type MysqlPlan, makePlan } from '../helpers/mysql-plan.ts';

const engine = dockerEngine();
const programs = [
  'mariadbd',
  'mariadb',
  'mariadb-dump',
  'mariadb-install-db',
  'my_print_defaults',
  'resolveip',
  'hostname',
];
const helpers = [
  'dirname',
  'basename',
  'id',
  'sed',
  'grep',
  'sort',
  'cat',
  'uname',
  'mkdir',
  'chown',
  'chmod',
  'rm',
  'touch',
  'ls',
  'tr',
];

describe.skipIf(!engine || !hasServer('mariadb'))('mariadb in a container', () => {
  let tag: string;
  let container: Container;
  let local: MysqlServer;
  let plan: MysqlPlan;
  const socket = '/tmp/data/s';
  const sql = (text: string): string => {
    const words = ['mariadb', '--no-defaults', `--socket=${socket}`, '-uroot', '-N', `-e${text}`];
    const { status, stdout, stderr } = container.exec(words);
    if (status !== 0) throw new Error(stderr);
    return stdout.trim();
  };

  beforeAll(async () => {
    local = await MysqlServer.start('mariadb');
    tag = engine!.image('runner-test-mariadb', [...programs, ...helpers], ['/usr/share/mysql', '/usr/lib/mysql']);
    container = engine!.run(
      tag,
      [
        'sh',
        '-c',
        'mkdir /tmp/data && cd /tmp/data && mariadb-install-db --no-defaults --datadir=/tmp/data/d --auth-root-authentication-method=normal --skip-test-db --force >/dev/null && exec mariadbd --no-defaults --datadir=/tmp/data/d --socket=/tmp/data/s --skip-networking',
      ],
      { user: '65534' },
    );
    for (let waited = 0; waited < 300; waited += 1) {
      try {
        sql('SELECT 1');
        break;
      } catch {
        await sleep(100);
      }
    }
    sql('CREATE DATABASE shop; CREATE TABLE shop.t (a INT PRIMARY KEY); INSERT INTO shop.t VALUES (1), (2)');
    plan = makePlan(local);
    Object.assign(plan.env, engine!.env);
  });
  afterAll(async () => {
    container?.remove();
    plan?.remove();
    await local?.stop();
  });

  it('is backed up, proven in a container of its image, and restored', async () => {
    const assert = [{ contents: 'checksums', compare: 'source' }];
    plan.write(
      { socket, database: 'shop', 'run-in': { docker: container.name } },
      { verify: ['content', { restore: { into: { docker: tag }, assert } }] },
    );
    const { exitCode, stderr } = await plan.run('apply', 'plan.yaml');
    expect(stderr).not.toMatch(/error|warning/);
    expect(exitCode).toBe(0);
    sql('DELETE FROM shop.t');
    const restored = await plan.run('restore', 'plan.yaml', 'shop', '--latest', '--yes', '--no-safety-backup');
    expect(restored.stderr).not.toContain('error');
    expect(restored.exitCode).toBe(0);
    expect(sql('SELECT COUNT(*) FROM shop.t')).toBe('2');
    for (let tries = 0; tries < 100 && sql('SHOW PROCESSLIST').includes('\n'); tries += 1) await sleep(100);
    expect(sql('SHOW PROCESSLIST').split('\n')).toHaveLength(1);
  });
});
