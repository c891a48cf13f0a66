import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dockerEngine } from '../helpers/docker.ts';
import { azureKey, startAzure, startGcs, startWebdav } from '../helpers/emulators.ts';
import { fakeKubectl } from '../helpers/kubectl.ts';
import { uri as mongoUri, openMongo } from '../helpers/mongodb.ts';
import { type Flavour, flavours, MysqlServer } from '../helpers/mysql.ts';
import { freePort } from '../helpers/port.ts';
import { major, Postgres, programsOf } from '../helpers/postgres.ts';
import { has, isRoot } from '../helpers/programs.ts';
import { populate, RedisServer } from '../helpers/redis.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { startS3 } from '../helpers/s3-servers.ts';
import { hasSshd, startSshd } from '../helpers/ssh.ts';

const examples = resolve(import.meta.dirname, '..', '..', 'examples');
const env = { BACKUP_PASSPHRASE: 'correct horse battery staple' };

/** A server that an example speaks to, and how it is found. */
type Started = { env: Record<string, string>; end(): Promise<void> };
type Need = { programs: string[]; make(folder: string): void; start?(folder: string): Promise<Started> };
const engine = dockerEngine();

const shell = (script: string, ...words: string[]) => ['sh', '-c', script, 'sh', ...words];
const table = 'create table orders (id integer primary key); insert into orders values (1), (2)';
/** A file in a folder, for `base` and for `*`. */
const upload = 'mkdir -p "$1/ada" && echo hi > "$1/ada/letter.txt" && chmod -R a+rX "$1"';

/** One for each place where programs can run. */
const placed: Record<string, Need> = {
  'run-in-docker.yaml': {
    programs: ['zstd', 'sqlite3', ...(engine ? [] : ['dockerd that answers'])],
    make: () => {},
    start: async () => {
      const image = engine!.image('example', ['sqlite3']);
      const container = engine!.run(image, shell('sqlite3 /srv/orders.sqlite "$1" && exec sleep 600', table), {
        args: ['--tmpfs=/srv'],
      });
      while (container.exec(['test', '-s', '/srv/orders.sqlite']).status !== 0) await sleep(50);
      return { env: { ...engine!.env, CONTAINER: container.name }, end: async () => container.remove() };
    },
  },
  'run-in-compose.yaml': {
    programs: ['zstd', ...(engine?.compose ? [] : ['docker-compose-plugin'])],
    make: (folder) => {
      const app = {
        image: engine!.image('example', ['sqlite3']),
        network_mode: 'none',
        pull_policy: 'never',
        init: true,
      };
      const command = ['sh', '-c', `${upload.replaceAll('$1', '/srv/uploads')} && exec sleep 600`];
      writeFileSync(join(folder, 'compose.yaml'), JSON.stringify({ services: { app: { ...app, command } } }));
    },
    start: async (folder) => {
      const project = `runner-example-${process.pid}`;
      const compose = (...words: string[]) =>
        engine!.docker(['compose', '-f', join(folder, 'compose.yaml'), '-p', project, ...words]);
      compose('up', '-d');
      while (compose('exec', '-T', 'app', 'test', '-s', '/srv/uploads/ada/letter.txt').status !== 0) await sleep(50);
      return { env: { ...engine!.env, PROJECT: project }, end: async () => void compose('down', '-t', '0') };
    },
  },
  'run-in-ssh.yaml': {
    programs: ['zstd', 'tar', 'openssl', ...(hasSshd() ? [] : ['sshd'])],
    make: (folder) => {
      mkdirSync(join(folder, 'keys'));
      execFileSync('sh', shell(upload, join(folder, 'www')).slice(1));
    },
    start: async (folder) => {
      const server = await startSshd(join(folder, 'keys'));
      cpSync(server.key, join(folder, 'keys', 'backup'));
      const env = { HOST: '127.0.0.1', PORT: String(server.port), SITES: `${folder}/www/*` };
      return { env, end: () => server.stop() };
    },
  },
  'run-in-kubernetes.yaml': {
    programs: ['zstd'],
    make: (folder) => writeFileSync(join(folder, 'ledger.csv'), '1,2\n'),
    start: async (folder) => {
      const PATH = `${fakeKubectl(folder)}:${process.env.PATH}`;
      return { env: { PATH, KUBECTL_PODS: 'ledger-0 \n', LEDGER: join(folder, 'ledger.csv') }, end: async () => {} };
    },
  },
  'run-in-user.yaml': {
    programs: ['zstd', 'tar', 'setpriv', ...(isRoot ? [] : ['root'])],
    make: (folder) => {
      chmodSync(folder, 0o755);
      execFileSync('sh', shell(upload, join(folder, 'mail')).slice(1));
    },
    start: async (folder) => ({ env: { SPOOL: join(folder, 'mail'), OWNER: 'nobody' }, end: async () => {} }),
  },
};

const postgresProgram = join(programsOf(major ?? 15) ?? '/nowhere', 'postgres');

async function startPostgres(): Promise<Started> {
  const server = await Postgres.start();
  await server.query("create role backup login password 'secret'; grant pg_read_all_data to backup");
  await server.create('orders', "create table customers (name text); insert into customers values ('ada')");
  return { env: { DB_PORT: String(server.port), DB_PASSWORD: 'secret' }, end: () => server.stop() };
}

async function startMysql(flavour: Flavour): Promise<Started> {
  const server = await MysqlServer.start(flavour);
  const routines = flavour === 'mysql' ? 'SHOW_ROUTINE ON *.*' : 'SELECT ON mysql.proc';
  server.sql(`CREATE USER backup IDENTIFIED BY 'secret'; GRANT ${routines} TO backup; GRANT SHOW DATABASES ON *.* TO backup;
    GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON orders.* TO backup; GRANT SELECT ON mysql.* TO backup;
    CREATE DATABASE orders; CREATE TABLE orders.customers (name TEXT); INSERT INTO orders.customers VALUES ('ada')`);
  const env = { DB_PORT: String(server.port), DB_PASSWORD: 'secret', PATH: server.path };
  return { env, end: () => server.stop() };
}

/** What an example wants on the machine, and the data that it speaks of. */
const needs: Record<string, Need> = {
  'sqlite.yaml': {
    programs: ['zstd'],
    make: (folder) => {
      const database = new Database(join(folder, 'notes.sqlite'));
      database.exec("create table notes (id integer primary key, text); insert into notes (text) values ('a'), ('b')");
      database.close();
    },
  },
  's3.yaml': {
    programs: ['zstd', 'minio'],
    make: (folder) => needs['sqlite.yaml']!.make(folder),
    start: async () => {
      const server = await startS3('minio');
      const { id, secret } = server.keys;
      const env = { S3_BUCKET: await server.bucket(), S3_ENDPOINT: server.endpoint, S3_ID: id, S3_SECRET: secret };
      return { env, end: () => server.stop() };
    },
  },
  'files.yaml': {
    programs: ['tar', 'zstd', 'age', 'age-keygen'],
    make: (folder) => {
      for (const name of ['homes/ada/node_modules', 'keys']) mkdirSync(join(folder, name), { recursive: true });
      for (const name of ['letter.txt', 'draft.tmp', 'node_modules/x'])
        writeFileSync(join(folder, 'homes/ada', name), 'hi\n');
      const key = join(folder, 'keys', 'age.key');
      execFileSync('age-keygen', ['-o', key], { stdio: 'ignore' });
      writeFileSync(join(folder, 'keys', 'age.pub'), execFileSync('age-keygen', ['-y', key]));
    },
  },
  'redis.yaml': {
    programs: ['redis-server', 'redis-cli', 'redis-check-rdb', 'zstd'],
    make: () => {},
    start: async () => {
      const password = 'a b"c';
      const port = await freePort();
      const server = await RedisServer.start({ password, port });
      await populate(server, 10, 'session');
      return { env: { REDIS_PASSWORD: password, REDIS_PORT: String(port) }, end: () => server.end() };
    },
  },
  'mongodb.yaml': {
    // No server of it can be started here: one is named.
    programs: ['mongodump', 'mongorestore', 'zstd', ...(mongoUri === '' ? ['mongod'] : [])],
    make: () => {},
    start: async () => {
      const mongo = await openMongo();
      const shop = mongo.database('shop');
      await shop.dropDatabase();
      await shop.collection('orders').insertMany([{ total: 1.5 }, { total: 2 }]);
      const end = async () => {
        await shop.dropDatabase();
        await mongo.end();
      };
      return { env: { MONGODB_URI: mongoUri }, end };
    },
  },
  'postgres.yaml': { programs: ['zstd', 'psql', postgresProgram], make: () => {}, start: startPostgres },
  'postgres-all.yaml': { programs: ['zstd', 'psql', postgresProgram], make: () => {}, start: startPostgres },
  // What a server of each maker is made of is for its helper to find.
  ...Object.fromEntries(
    (['mariadb', 'mysql'] as const).map((flavour) => [
      `${flavour}.yaml`,
      {
        programs: ['zstd', ...(flavours.includes(flavour) ? [] : [`a ${flavour} server`])],
        make: () => {},
        start: () => startMysql(flavour),
      },
    ]),
  ),
  ...placed,
  'rclone.yaml': {
    programs: ['zstd', 'openssl', 'rclone'],
    make: (folder) => {
      needs['sqlite.yaml']!.make(folder);
      mkdirSync(join(folder, 'dav'));
    },
    start: async (folder) => {
      const server = await startWebdav(join(folder, 'dav'), 'shop', 'correct horse');
      return { env: { URL: server.url, DAV_PASSWORD: 'correct horse' }, end: () => server.stop() };
    },
  },
  'gcs.yaml': {
    programs: ['zstd', 'openssl', 'rclone', 'fake-gcs-server'],
    make: (folder) => needs['sqlite.yaml']!.make(folder),
    start: async () => {
      const server = await startGcs();
      const { bucket, endpoint } = server.spec(await server.bucket()) as Record<string, string>;
      return { env: { GCS_BUCKET: bucket!, GCS_ENDPOINT: endpoint! }, end: () => server.stop() };
    },
  },
  'azure.yaml': {
    programs: ['zstd', 'openssl', 'rclone', 'azurite-blob'],
    make: (folder) => needs['sqlite.yaml']!.make(folder),
    start: async () => {
      const server = await startAzure();
      const { account, container, endpoint } = server.spec(await server.bucket()) as Record<string, string>;
      const there = { AZURE_ACCOUNT: account!, AZURE_CONTAINER: container!, AZURE_ENDPOINT: endpoint! };
      return { env: { ...there, AZURE_KEY: azureKey }, end: () => server.stop() };
    },
  },
  'sftp.yaml': {
    programs: ['zstd', 'tar', 'openssl', ...(hasSshd() ? [] : ['sshd'])],
    make: (folder) => {
      mkdirSync(join(folder, 'keys'));
      mkdirSync(join(folder, 'letters'));
      writeFileSync(join(folder, 'letters', 'ada.txt'), 'dear ada\n');
    },
    start: async (folder) => {
      const server = await startSshd(join(folder, 'keys'));
      cpSync(server.key, join(folder, 'keys', 'backup'));
      const there = { HOST: '127.0.0.1', PORT: String(server.port), USER_THERE: server.user };
      return { env: { ...there, FOLDER: join(folder, 'nas') }, end: () => server.stop() };
    },
  },
  'git.yaml': {
    programs: ['git', 'tar', ...(hasSshd() ? [] : ['sshd'])],
    make: (folder) => {
      for (const name of ['etc/site/private', 'etc/cron', 'keys']) mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, 'etc/site/private/tls.key'), '-----BEGIN PRIVATE KEY-----\n');
      writeFileSync(join(folder, 'etc/site/example.env'), 'PASSWORD=correct-horse-1\n');
      writeFileSync(join(folder, 'etc/cron/nightly'), '0 2 * * * root backup\n');
    },
    start: async (folder) => {
      const repository = join(folder, 'forge.git');
      execFileSync('git', ['init', '-q', '--bare', repository]);
      const server = await startSshd(join(folder, 'keys'));
      cpSync(server.key, join(folder, 'keys', 'forge'));
      const env = { REPOSITORY: `ssh://${server.user}@127.0.0.1:${server.port}${repository}` };
      return { env, end: () => server.stop() };
    },
  },
  'restic.yaml': {
    programs: ['tar', 'restic'],
    make: (folder) => {
      mkdirSync(join(folder, 'papers'));
      writeFileSync(join(folder, 'papers', 'deed.txt'), 'of the house\n');
    },
    start: async (folder) => ({ env: { REPOSITORY: join(folder, 'repository') }, end: async () => {} }),
  },
  'command.yaml': {
    programs: [],
    make: (folder) => {
      mkdirSync(join(folder, 'people'));
      writeFileSync(join(folder, 'people', 'ada.ldif'), 'dn: cn=ada\n');
    },
  },
};

const missing = (name: string) => needs[name]!.programs.filter((program) => !has(program));

describe('the examples', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  let started: Started | undefined;
  const run = (...words: string[]) => runner(words, { cwd: place.path, env: { ...env, ...started?.env } });
  const read = (path: string) => readFileSync(join(place.path, path), 'utf8');
  const prepare = (name: string) => {
    cpSync(join(examples, name), join(place.path, name));
    needs[name]!.make(place.path);
  };

  beforeEach(() => {
    place = temporaryDirectory();
  });
  afterEach(async () => {
    const last = started;
    started = undefined;
    await last?.end();
    place.remove();
  });

  it('are all run here', () => {
    expect(readdirSync(examples).toSorted()).toEqual(Object.keys(needs).toSorted());
  });

  /** What is asked of what an example has made. */
  const afterwards: Record<string, [what: string, ask: () => Promise<void>]> = {
    'sqlite.yaml': [
      'gives the notes back',
      async () => {
        expect((await run('restore', 'sqlite.yaml', 'notes', '--latest', '--to', 'back.sqlite')).exitCode).toBe(0);
        const database = new Database(join(place.path, 'back.sqlite'));
        expect(database.prepare('select text from notes order by id').pluck().all()).toEqual(['a', 'b']);
        database.close();
      },
    ],
    'files.yaml': [
      'gives the letters back and leaves the rest',
      async () => {
        expect((await run('restore', 'files.yaml', 'homes', '--latest', '--to', 'back')).exitCode).toBe(0);
        expect(readdirSync(join(place.path, 'back/homes/ada'))).toEqual(['letter.txt']);
      },
    ],
    'redis.yaml': [
      'gives lost keys back to the running server',
      async () => {
        const { REDIS_PORT: port = '', REDIS_PASSWORD: password = '' } = started!.env;
        const env = { PATH: process.env.PATH, REDISCLI_AUTH: password };
        const cli = (...words: string[]) => execFileSync('redis-cli', ['-p', port, ...words], { env });
        cli('DEL', 'session:7');
        expect((await run('restore', 'redis.yaml', 'sessions', '--latest', '--yes')).exitCode).toBe(0);
        expect(cli('GET', 'session:7').toString()).toBe('value 7\n');
      },
    ],
    'git.yaml': [
      'shows plain files, and gives them back',
      async () => {
        const words = ['-C', join(place.path, 'forge.git'), 'ls-tree', '-r', '--name-only', 'machines'];
        const shown = String(execFileSync('git', words)).trim().split('\n');
        expect(shown).toEqual(['web-1/cron/cron/nightly', 'web-1/site/site/example.env']);
        const restored = await run('restore', 'git.yaml', 'cron', '--latest', '--to', 'back');
        expect(restored.exitCode, restored.stderr).toBe(0);
        expect(read('back/cron/nightly')).toBe('0 2 * * * root backup\n');
      },
    ],
    'command.yaml': [
      'gives the directory back to its program',
      async () => {
        expect((await run('restore', 'command.yaml', 'directory', '--latest', '--yes')).exitCode).toBe(0);
        expect(read('restored.ldif')).toBe('dn: cn=ada\n');
      },
    ],
  };

  for (const name of Object.keys(needs)) {
    const lacking = missing(name);
    it(`${name} has nothing to remark on`, async () => {
      cpSync(join(examples, name), join(place.path, name));
      const { exitCode, stderr } = await run('validate', name);
      expect(stderr.split('\n').filter((line) => / (error|warning) /.test(line))).toEqual([]);
      expect(exitCode).toBe(0);
    });
    const [what, ask] = afterwards[name] ?? ['all that it makes is good', async () => {}];
    it.skipIf(lacking.length > 0)(`${name} is applied, and ${what}`, async () => {
      prepare(name);
      started = await needs[name]!.start?.(place.path);
      const { exitCode, stderr } = await run('apply', name);
      expect(stderr).not.toContain('error');
      expect(exitCode).toBe(0);
      const { backups } = JSON.parse((await run('list', name, '--json')).stdout);
      const states: string[] = backups.map(({ state }: { state: string }) => state);
      expect(states).toEqual(states.map(() => 'good'));
      expect(states.length).toBeGreaterThan(0);
      await ask();
    });
  }

  it('command.yaml writes down who failed and why', async () => {
    prepare('command.yaml');
    rmSync(join(place.path, 'people'), { recursive: true });
    expect((await run('apply', 'command.yaml')).exitCode).toBe(2);
    expect(read('failures.txt')).toMatch(/^directory failed: .*people/);
  });
});
