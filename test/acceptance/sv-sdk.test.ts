/** sv-sdk, document 002: its disasters, and its way back by the lines of plans/README.md. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { full } from '../proofs/support.ts';
import { until } from './support/containers.ts';
import { recoveryOf } from './support/page.ts';
import { atTerminal, line, succeed } from './support/shell.ts';
import { canServe, lose, startWorld, type World } from './support/sv-sdk.ts';
import { fill, isRight, ofDatabase, ofFiles, ofRedis } from './support/sv-sdk-data.ts';
import { newestIn } from './support/trees.ts';

const plan = 'plans/sv-sdk.yaml';
const [
  database,
  byHand,
  redis,
  beside,
  insert,
  drop,
  configuration,
  files,
  put,
  start,
  redisFar,
  databaseFar,
  refill,
  rds,
] = recoveryOf('sv-sdk', 14);

type Row = { id: string; backup: string; state: string; copies: { destination: string }[] };

/** What is tried with `PROOF=full` alone stands in the tests of another plan, or of the part that does it, too. */
describe.skipIf(!canServe())('sv-sdk', { timeout: 3_600_000 }, () => {
  let world: World;
  /** The backups of the first run. */
  let first: string[] = [];
  const run = async (text: string) => await succeed(text, world.env);
  const rows = async (): Promise<Row[]> => JSON.parse(await run(`runner list ${plan} --json`)).backups;
  const data = () => [ofDatabase(world), ofRedis(world), ofFiles(world)];
  beforeAll(async () => {
    world = await startWorld(isRight);
    fill(world);
  }, 3_600_000);
  afterAll(async () => await world?.stop());

  it('one dump lies sealed at four places, and is proven', async () => {
    expect(await world.application.health()).toBe(200);
    await run(`runner apply ${plan}`);
    const made = await rows();
    expect(made.map(({ backup }) => backup).sort()).toEqual(['configuration', 'database', 'files', 'redis']);
    first = made.map(({ id }) => id);
    for (const { copies, state } of made) expect([copies.length, state]).toEqual([4, 'good']);
    const preview = await run(`runner plan ${plan} database`);
    expect(preview.match(/pg_dump --no-password/g)).toHaveLength(1);
    expect(preview).toContain('to disk, primary, secondary, nas');
    expect(preview).toMatch(/^ +primary .* a month$/m);
    const images = [world.env.SV_SDK_POSTGRES_IMAGE, world.env.SV_SDK_REDIS_IMAGE].map(
      (one) => `--filter=ancestor=${one}`,
    );
    expect(world.docker('ps', '--all', '--quiet', '--filter=name=runner-2', ...images)).toBe('');
    const lying = await run(`find ${world.root}/backups ${world.root}/nas -name '*.gpg' -o -path '*/sv-sdk' -type d`);
    const modes = lying
      .trim()
      .split('\n')
      .map((path) => statSync(path).mode & 0o777);
    expect([...new Set(modes)].sort()).toEqual([0o600, 0o700]);
  });

  it('a dump that dies half way is no backup', async () => {
    const inside = (script: string) => world.docker('exec', 'sv-sdk-postgres', 'sh', '-c', script);
    const dump = inside('command -v pg_dump').trim();
    const dying = `#!/bin/sh\ncase $1 in --version) exec ${dump}.real "$@" ;; esac\n${dump}.real "$@" | head -c 3000\nexit 1\n`;
    inside(`mv ${dump} ${dump}.real && printf '${dying.replaceAll('\n', '\\n')}' >${dump} && chmod 755 ${dump}`);
    try {
      const failed = await line(`runner apply ${plan} database`, world.env);
      expect(failed, failed.stderr).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('pg_dump') });
    } finally {
      inside(`mv ${dump}.real ${dump}`);
    }
    expect((await rows()).map(({ id }) => id)).toEqual(first);
    const lying = `find ${world.root}/backups ${world.root}/nas -type f -name 'database-*' ! -name '*${first.find((id) => id.startsWith('database'))}*'`;
    expect(await run(lying)).toBe('');
  });

  it('its own programs open what lies there', async () => {
    const artifact = (await run(`find ${world.root}/backups -name 'database-*.gpg'`)).trim();
    const key = join(world.env.SV_SDK_KEYS!, 'backup@example.com.key');
    const ring = `export GNUPGHOME=$(mktemp -d) && gpg --batch --quiet --import ${key}`;
    const open = `gpg --batch --quiet --decrypt ${artifact} | gunzip | pg_restore --list; gpgconf --kill all; rm -rf $GNUPGHOME`;
    expect(await run(`${ring} && ${open}`)).toContain('TABLE DATA auth users');
  });

  it('scenario 1: a corrupted database', async () => {
    const before = data();
    const started = world.docker('inspect', '--format={{.State.StartedAt}}', 'sv-sdk-app');
    world.sql('drop table email.messages; update auth.users set email = md5(email)');
    expect(await world.application.health()).toBe(503);
    world.application.answers();
    const begun = performance.now();
    await run(database);
    console.log(`sv-sdk: the database was back after ${seconds(begun)} s; the document allows an hour`);
    expect(world.application.answers().at(-1)).toBe(200);
    expect(data()).toEqual(before);
    expect(world.docker('inspect', '--format={{.State.StartedAt}}', 'sv-sdk-app')).not.toBe(started);
  });

  it('scenario 2: deleted rows', async () => {
    const before = ofDatabase(world);
    world.sql("delete from auth.users where id <= 10; insert into auth.users values (9000, 'new@example.com')");
    expect(await world.application.health()).toBe(503);
    await run(beside);
    expect(await world.application.health()).toBe(503);
    // The document's own line loads nothing: the first row that is still there ends it.
    const own = 'pg_dump -U sv_sdk_user sv_sdk_temp -t auth.users -a | psql -qX -U sv_sdk_user sv_sdk 2>&1';
    expect(world.exec('sv-sdk-postgres', 'sh', '-c', own)).toContain('duplicate key');
    expect(await world.application.health()).toBe(503);
    await run(insert);
    expect(await world.application.health()).toBe(200);
    expect(world.sql('select email from auth.users where id = 9000')).toBe('new@example.com');
    world.sql('delete from auth.users where id = 9000');
    expect(ofDatabase(world)).toBe(before);
    await run(drop);
    expect(world.sql("select count(*) from pg_database where datname = 'sv_sdk_temp'")).toBe('0');
  });

  it('Redis under its log of writes', async () => {
    const before = ofRedis(world);
    world.redis('BGSAVE');
    await until('the dump', () => world.redis('INFO', 'persistence').includes('rdb_bgsave_in_progress:0'));
    await run(`cp ${world.root}/redis/dump.rdb ${world.root}/redis-backup.rdb`);
    world.redis('FLUSHALL');
    expect(await world.application.health()).toBe(503);
    for (const words of [
      ['stop', 'sv-sdk-redis'],
      ['cp', `${world.root}/redis-backup.rdb`, 'sv-sdk-redis:/data/dump.rdb'],
    ])
      world.docker(...words);
    world.docker('start', 'sv-sdk-redis');
    await until('Redis', () => {
      try {
        return world.redis('PING') === 'PONG';
      } catch {
        return false;
      }
    });
    expect(world.redis('DBSIZE')).toBe('0');
    world.redis('CONFIG', 'SET', 'appendfsync', 'always');
    const refused = await line(`runner apply ${plan} redis`, world.env);
    expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('appendfsync') });
    world.redis('CONFIG', 'SET', 'appendfsync', 'everysec');
    await run(redis);
    expect(ofRedis(world)).toBe(before);
    expect(world.redis('CONFIG', 'GET', 'appendonly')).toBe('appendonly\nyes');
    expect(await world.application.health()).toBe(200);
  });

  it.runIf(full)('a backup without users is never good, and never put in place', async () => {
    const before = ofDatabase(world);
    world.sql('alter table auth.users rename to kept; create table auth.users (like auth.kept)');
    await run(`runner apply ${plan} database`);
    world.sql('drop table auth.users; alter table auth.kept rename to users');
    const noUsers = newestIn(join(world.root, 'backups'), 'database');
    try {
      const proof = await line(`runner verify ${plan} --id ${noUsers} --level restore`, world.env);
      expect(proof, proof.stderr).toMatchObject({ exitCode: 2 });
      world.application.answers();
      expect(await line(database.replace('--latest', `--id ${noUsers}`), world.env)).toMatchObject({ exitCode: 2 });
      expect([world.application.answers(), ofDatabase(world)]).toEqual([[], before]);
    } finally {
      await run(`runner forget ${plan} ${noUsers} --reason "holds wrong data" --yes`);
    }
  });

  it('wrong data is refused', async () => {
    const before = ofDatabase(world);
    world.sql("insert into auth.sessions values (9999, 9999, 'x')");
    // As the document makes one by hand.
    const dump = join(world.root, 'backup.dump');
    await run(`docker exec sv-sdk-postgres pg_dump -U sv_sdk_user -Fc sv_sdk >${dump}`);
    world.sql('delete from auth.sessions where id = 9999');
    world.application.answers();
    const refused = await line(byHand, { ...world.env, DUMP: dump, SV_SDK_PATIENCE: '10s' });
    expect(refused, refused.stderr).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('503') });
    expect(new Set(world.application.answers())).toEqual(new Set([503]));
    expect([await world.application.health(), ofDatabase(world)]).toEqual([200, before]);
  });

  it('a person is asked', async () => {
    const before = ofDatabase(world);
    const ask = async (...answers: string[]) => await atTerminal(database.replace(' --yes', ''), answers, world.env);
    // Every other wrong answer is tried at traf3li.
    const refused = await ask('production/sv_sdk_temp');
    expect(refused).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('production/sv_sdk was not typed') });
    const untold = await ask('production/sv_sdk', 'n');
    expect(untold).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('Update the status page') });
    expect([ofDatabase(world), await world.application.health()]).toEqual([before, 200]);
    expect(await ask('production/sv_sdk', 'y')).toMatchObject({ exitCode: 0 });
    expect(ofDatabase(world)).toBe(before);
  });

  it('scenario 3: everything is gone', async () => {
    const before = data();
    const compose = readFileSync(join(world.home, 'docker-compose.yml'));
    lose(world);
    await world.empty('backups-us-east-1');
    expect(await world.application.health()).toBe(503);
    const begun = performance.now();
    for (const text of [configuration, files, put]) await run(text);
    writeFileSync(join(world.home, 'docker-compose.yml'), compose);
    await run(start);
    await world.provision();
    await run(redisFar);
    expect(await world.application.health()).toBe(503);
    await run(databaseFar);
    expect(await world.application.health()).toBe(200);
    console.log(`sv-sdk: all was back after ${seconds(begun)} s; the document allows an hour`);
    expect(data()).toEqual(before);
    await run(refill);
    for (const { copies } of (await rows()).filter(({ id }) => first.includes(id))) expect(copies).toHaveLength(4);
  });

  it('at RDS, to a moment', async () => {
    const bin = join(world.root, 'bin');
    mkdirSync(bin);
    const asked = join(world.root, 'asked');
    const script = `#!/bin/sh\necho "$*" >>${asked}\ncase $2 in describe*) echo '{"DBInstances":[]}' ;; esac\n`;
    writeFileSync(join(bin, 'aws'), script, { mode: 0o755 });
    const env = { ...world.env, PATH: `${bin}:${process.env.PATH}` };
    await succeed('runner apply plans/sv-sdk/rds.yaml', env);
    await succeed(rds, env);
    const words = readFileSync(asked, 'utf8').trim().split('\n').at(-1);
    const named = '--source-db-instance-identifier sv-sdk-prod --target-db-instance-identifier sv-sdk-restored';
    expect(words).toBe(`rds restore-db-instance-to-point-in-time ${named} --restore-time 2024-01-17T14:30:00Z`);
    const { exitCode, stderr } = await line(rds.replace(/^\S+ /, ''), env);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('say to which moment')]);
  });

  it.runIf(full)('a bucket that keeps no old versions is told', async () => {
    const versioning = async () => {
      const { exitCode, stdout } = await line(`runner doctor ${plan}`, world.env);
      expect(exitCode).toBe(2);
      const seen = stdout
        .split('\n')
        .filter((row) => /^\w+ +(versioning|mfa delete|access logging|public access) /.test(row));
      return seen.map((row) => row.split(/ {2,}/).slice(0, 3).join(' '));
    };
    const others = ['problem mfa delete', 'ok public access', 'problem access logging'];
    const told = (bucket: string, health: string) =>
      [`${health} versioning`, ...others].map((text) => `${text} ${bucket}`);
    await world.keepVersions('backups-us-east-1');
    expect(await versioning()).toEqual([...told('primary', 'ok'), ...told('secondary', 'problem')]);
  });
});

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1);
