/** Real MariaDB and MySQL servers of the tests' own, in temporary directories, on loopback ports chosen free. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './port.ts';
import { has, isRoot } from './programs.ts';
import { removeFolder } from './runner.ts';

export type Flavour = 'mysql' | 'mariadb';

/** Nobody: the servers refuse to run as root. */
const owner = 65_534;

/** Where MySQL lies beside the system's MariaDB: the root of an unpacked package. */
const unpacked = process.env.RUNNER_TEST_MYSQL ?? join(process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test', 'mysql');

/** Whether a server of that maker can be started here. Says when it cannot, since tests are skipped for it. */
export function hasServer(flavour: Flavour): boolean {
  if (flavour === 'mariadb') return has('mariadbd', 'mariadb-install-db', 'mariadb-dump', 'mariadb');
  if (existsSync(join(unpacked, 'usr/sbin/mysqld'))) return true;
  return has('a MySQL server (RUNNER_TEST_MYSQL)');
}

export const flavours: Flavour[] = (['mariadb', 'mysql'] as const).filter(hasServer);

/** A folder with the programs of one maker, to be put first on PATH; those of an unpacked package must be told where they lie. */
export function programsOf(flavour: Flavour, directory: string): string {
  const folder = join(directory, `bin-${flavour}`);
  if (existsSync(folder)) return folder;
  mkdirSync(folder);
  if (flavour === 'mariadb') return folder;
  const root = join(unpacked, 'usr');
  const places = `--basedir=${root} --lc-messages-dir=${root}/share/mysql --plugin-dir=${root}/lib/mysql/plugin`;
  const programs = {
    mysql: `exec ${root}/bin/mysql "$@"`,
    mysqldump: `exec ${root}/bin/mysqldump "$@"`,
    mysqld: `first=$1; shift; exec ${root}/sbin/mysqld "$first" ${places} "$@"`,
  };
  for (const [name, line] of Object.entries(programs))
    writeFileSync(join(folder, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  return folder;
}

export class MysqlServer {
  private constructor(
    readonly flavour: Flavour,
    readonly directory: string,
    readonly port: number,
    readonly path: string,
    private child: ChildProcess | null,
    private readonly options: string[],
  ) {}

  static async start(flavour: Flavour, options: string[] = []): Promise<MysqlServer> {
    const directory = mkdtempSync(join(tmpdir(), 'rm-'));
    chmodSync(directory, 0o755);
    if (isRoot) chownSync(directory, owner, owner);
    const path = `${programsOf(flavour, directory)}:${process.env.PATH}:/usr/sbin`;
    const server = new MysqlServer(flavour, directory, await freePort(), path, null, options);
    const data = `--datadir=${join(directory, 'data')}`;
    if (flavour === 'mariadb')
      server.asOwner('mariadb-install-db', [
        '--no-defaults',
        data,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
      ]);
    else server.asOwner('mysqld', ['--no-defaults', '--initialize-insecure', data]);
    await server.up();
    return server;
  }

  get socket(): string {
    return join(this.directory, 's');
  }

  /** Also after `kill`: on the same data. */
  async up(): Promise<void> {
    const { directory, flavour } = this;
    const words = [
      '--no-defaults',
      `--datadir=${join(directory, 'data')}`,
      `--socket=${this.socket}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      `--pid-file=${join(directory, 'pid')}`,
      `--log-error=${join(directory, 'server.err')}`,
      '--max-allowed-packet=1G',
      '--innodb-flush-log-at-trx-commit=0',
      ...(flavour === 'mysql' ? ['--mysqlx=OFF', '--secure-file-priv=NULL'] : ['--innodb-log-file-size=512M']),
      ...this.options,
    ];
    const [program, ...rest] = this.command(flavour === 'mariadb' ? 'mariadbd' : 'mysqld', words);
    this.child = spawn(program!, rest, { stdio: 'ignore', cwd: directory, env: this.environment });
    const started = Date.now();
    while (!this.answers()) {
      if (this.child.exitCode !== null || Date.now() - started > 180_000)
        throw new Error(`the ${flavour} server in ${directory} did not start`);
      await sleep(100);
    }
  }

  /** Runs SQL as root, by the server's own client; what it printed, columns separated by tabs. */
  sql(text: string, database?: string, words: string[] = []): string {
    return execFileSync(
      this.flavour === 'mariadb' ? 'mariadb' : 'mysql',
      [
        '--no-defaults',
        `--socket=${this.socket}`,
        '--user=root',
        '--batch',
        '--skip-column-names',
        '--binary-mode',
        '--default-character-set=utf8mb4',
        '--max-allowed-packet=1G',
        ...words,
        ...(database === undefined ? [] : [`--database=${database}`]),
      ],
      { input: text, env: this.environment, encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'pipe'] },
    );
  }

  /** Connections of a user, by the server's own list. */
  connections(user: string): number {
    return Number(this.sql(`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '${user}'`).trim());
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    removeFolder(this.directory);
  }

  private get environment() {
    return { PATH: this.path, HOME: this.directory, LC_ALL: 'C', MYSQL_TEST_LOGIN_FILE: '/dev/null' };
  }

  private answers(): boolean {
    try {
      this.sql('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }

  private asOwner(program: string, words: string[]): void {
    const [name, ...rest] = this.command(program, words);
    execFileSync(name!, rest, { cwd: this.directory, env: this.environment, stdio: 'ignore' });
  }

  private command(program: string, words: string[]): string[] {
    const drop = ['setpriv', `--reuid=${owner}`, `--regid=${owner}`, '--clear-groups', '--'];
    return [...(isRoot ? drop : []), program, ...words];
  }
}
