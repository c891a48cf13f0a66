/** A real PostgreSQL server of a test's own: initdb, a free port on loopback and a socket, thrown away afterwards. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './port.ts';
import { isRoot } from './programs.ts';
import { removeFolder } from './runner.ts';

/** Where servers lie that are newer than the system's own. */
const beside = process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test';

/** The folder with the programs of a major version, or null. */
export function programsOf(major: number): string | null {
  const folders = [
    `/usr/lib/postgresql/${major}/bin`,
    `${beside}/postgresql-${major}/usr/lib/postgresql/${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
  ];
  return folders.find((folder) => existsSync(join(folder, 'postgres'))) ?? null;
}

/** The major version that most tests use: the oldest that is here, as `RUNNER_TEST_REQUIRE` may demand. */
export const major: number | null = [15, 16, 17, 18].find((one) => programsOf(one) !== null) ?? null;

/** Whether servers of these versions can be started here. Says which cannot. */
export function hasPostgres(...majors: number[]): boolean {
  const wanted = majors.length > 0 ? majors : [major ?? 15];
  const missing = wanted.filter((one) => programsOf(one) === null);
  const user = !isRoot || spawnSync('id', ['postgres']).status === 0;
  if (missing.length === 0 && user) return true;
  const what = missing.length > 0 ? `PostgreSQL ${missing.join(', ')}` : 'a user postgres';
  if ((process.env.RUNNER_TEST_REQUIRE ?? '').split(/\s+/).includes('postgres'))
    throw new Error(`tests may not be skipped here for want of ${what}`);
  process.stderr.write(`skipped: ${what} is not to be had here\n`);
  return false;
}

const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);

/** Servers refuse to run as root. */
const as: { uid?: number; gid?: number } = isRoot ? { uid: id('-u'), gid: id('-g') } : {};

export class Postgres {
  private constructor(
    readonly major: number,
    readonly bin: string,
    readonly directory: string,
    readonly port: number,
    private child: ChildProcess,
    private readonly settings: Record<string, string>,
  ) {}

  /** Passwords are asked of everybody but the superuser `postgres` on the socket. */
  static async start(
    options: { major?: number; settings?: Record<string, string>; tls?: boolean } = {},
  ): Promise<Postgres> {
    const version = options.major ?? major ?? 15;
    const bin = programsOf(version)!;
    const directory = mkdtempSync(join(tmpdir(), 'pg-'));
    chmodSync(directory, 0o755);
    if (as.uid !== undefined) chownSync(directory, as.uid, as.gid!);
    const run = (program: string, words: string[]) => {
      const done = spawnSync(join(bin, program), words, {
        ...as,
        cwd: directory,
        encoding: 'utf8',
        env: environment(bin),
      });
      if (done.status !== 0) throw new Error(`${program}: ${done.stderr}`);
    };
    run('initdb', [
      '-D',
      join(directory, 'data'),
      '-U',
      'postgres',
      '--no-sync',
      '--auth-local=trust',
      '--auth-host=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
    ]);
    const port = await freePort();
    const server = new Postgres(version, bin, directory, port, null as never, options.settings ?? {});
    await server.up();
    await server.query("alter role postgres password 'secret'");
    return server;
  }

  /** Starts the server, again after `kill`. */
  async up(): Promise<void> {
    const settings = { fsync: 'off', autovacuum: 'off', ...this.settings };
    this.child = spawn(
      join(this.bin, 'postgres'),
      [
        ...[
          '-D',
          join(this.directory, 'data'),
          '-p',
          String(this.port),
          '-k',
          this.directory,
          '-c',
          'listen_addresses=127.0.0.1',
        ],
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { ...as, cwd: this.directory, env: environment(this.bin), stdio: ['ignore', 'ignore', 'ignore'] },
    );
    for (const end = Date.now() + 180_000; ; ) {
      try {
        await this.query('select 1');
        return;
      } catch (error) {
        if (Date.now() > end || this.child.exitCode !== null) throw error;
        await sleep(50);
      }
    }
  }

  /** What psql prints, without its last line break. */
  async query(sql: string, database = 'postgres', more: Record<string, string> = {}): Promise<string> {
    const env = { ...this.env(database), ...more };
    return await new Promise((resolve, reject) => {
      const child = execFile(
        join(this.bin, 'psql'),
        ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-'],
        { env, encoding: 'utf8', maxBuffer: 1 << 28 },
        (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(stdout.trimEnd())),
      );
      child.stdin!.on('error', () => {});
      child.stdin!.end(sql);
    });
  }

  /** How a superuser of the socket reaches it. */
  env(database = 'postgres'): Record<string, string> {
    return {
      ...environment(this.bin),
      PGHOST: this.directory,
      PGPORT: String(this.port),
      PGUSER: 'postgres',
      PGDATABASE: database,
    };
  }

  /** Makes a database; any name will do. */
  async create(name: string, sql = ''): Promise<void> {
    await this.query(`create database "${name.replaceAll('"', '""')}" template template0`);
    if (sql !== '') await this.query(sql, name);
  }

  /** Sessions of ours that it knows of. */
  async sessions(): Promise<number> {
    return Number(await this.query(`select count(*) from pg_stat_activity where application_name = 'runner'`));
  }

  /** Whether a dump of ours reads rows now. */
  async dumping(): Promise<boolean> {
    const of = `from pg_stat_activity where application_name = 'runner' and state = 'active' and query like 'COPY %'`;
    return Number(await this.query(`select count(*) ${of}`)) > 0;
  }

  /**
   * A canonical text of a database: pg_dump's, without the token and the versions that differ from dump to dump. Casts and
   * parentheses of a check constraint move about when it is read again.
   */
  dump(database: string, more: string[] = []): string {
    const done = spawnSync(join(this.bin, 'pg_dump'), more, {
      env: this.env(database),
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    });
    if (done.status !== 0) throw new Error(done.stderr);
    return done.stdout
      .replaceAll(/^(\\(un)?restrict .*|-- Dumped .*)\n/gm, '')
      .replaceAll(/^ *CONSTRAINT .* CHECK .*$/gm, (line) => line.replaceAll(/::[a-z ]+(\[\])?|[()]/g, ''));
  }

  /** A certificate for `localhost` where the server looks for it, and the authority that signed it. Needs openssl. */
  certificate(): { ca: string } {
    const data = join(this.directory, 'data');
    const openssl = (...words: string[]) => {
      const done = spawnSync('openssl', words, { ...as, cwd: data, encoding: 'utf8' });
      if (done.status !== 0) throw new Error(done.stderr);
    };
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    openssl('req', '-new', '-x509', '-days', '2', '-nodes', '-keyout', 'server.key', '-out', 'server.crt', ...name);
    chmodSync(join(data, 'server.key'), 0o600);
    const ca = join(this.directory, 'ca.crt');
    copyFileSync(join(data, 'server.crt'), ca);
    return { ca };
  }

  /** Ends at once, as when the machine fails. */
  async kill(): Promise<void> {
    const pid = Number(readFileSync(join(this.directory, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    process.kill(pid, 'SIGQUIT');
    await ended;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once('close', resolve));
      this.child.kill('SIGQUIT');
      await ended;
    }
    removeFolder(this.directory);
  }
}

function environment(bin: string): Record<string, string> {
  return { PATH: `${bin}:/usr/bin:/bin`, LC_ALL: 'C.UTF-8', HOME: '/nonexistent' };
}
