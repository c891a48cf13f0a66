/** A consistency group is restored as a set. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

const place = temporaryDirectory();
const at = (...parts: string[]) => join(place.path, ...parts);
afterAll(() => place.remove());

const sql = (text: string) => execFileSync('sqlite3', [at('live', 'shop.sqlite'), text], { encoding: 'utf8' }).trim();
const uploads = () =>
  Object.fromEntries(
    readdirSync(at('live', 'uploads')).map((name) => [name, readFileSync(at('live', 'uploads', name), 'utf8')]),
  );
const live = () => ({ rows: sql('select group_concat(name) from orders'), uploads: uploads() });

/** Both members stop the same service, which is stopped once. */
const plan = (after = 'true') => `version: 1
name: shop
destinations: { disk: { type: local, path: store } }
defaults:
  destinations: [disk]
  restore: { overwrite: true, stop: [{ run: [sh, -c, "echo stop >> service"], start: [sh, -c, "echo start >> service"] }] }
backups:
  db: { source: { type: sqlite, path: live/shop.sqlite } }
  uploads:
    source: { type: files, base: live/uploads, paths: [.] }
    restore:
      overwrite: true
      stop: [{ run: [sh, -c, "echo stop >> service"], start: [sh, -c, "echo start >> service"] }]
      after: [{ run: ["${after}"] }]
groups: { all: { together: [db, uploads] } }
`;

const run = async (words: string[], text = plan()) => {
  writeFileSync(at('plan.yaml'), text);
  return await runner([words[0]!, 'plan.yaml', ...words.slice(1)], { cwd: place.path });
};

describe.skipIf(!has('sqlite3', 'tar'))('a group', () => {
  beforeEach(async () => {
    for (const name of ['live', 'store', 'service']) rmSync(at(name), { recursive: true, force: true });
    mkdirSync(at('live', 'uploads'), { recursive: true });
    sql(`create table orders (name); insert into orders values ('first')`);
    writeFileSync(at('live', 'uploads', 'first'), '1');
    expect(await run(['apply', '-q'])).toMatchObject({ exitCode: 0, stderr: '' });
    sql(`insert into orders values ('second')`);
    writeFileSync(at('live', 'uploads', 'second'), '2');
  });

  const before = { rows: 'first', uploads: { first: '1' } };
  const later = { rows: 'first,second', uploads: { first: '1', second: '2' } };

  it('comes back as one, behind one question, while everything stands still once', async () => {
    const asked = await run(['restore', 'all', '--latest']);
    expect(asked.exitCode).toBe(4);
    expect(asked.stderr).toMatch(
      /replace the live data at \S+shop\.sqlite by db-\S+ .*, and replace the live data at \S+uploads by uploads-/,
    );
    expect(live()).toEqual(later);
    const done = await run(['restore', 'all', '--latest', '--yes']);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(done.stdout).toMatch(/^db-\S+ is restored to .*\nuploads-\S+ is restored to .*\n$/);
    expect(live()).toEqual(before);
    expect(readFileSync(at('service'), 'utf8')).toBe('stop\nstart\n');
    expect(readdirSync(at('live'))).toEqual(['shop.sqlite', 'uploads']);
  });

  it('is rolled back as one', async () => {
    const done = await run(['restore', 'all', '--latest', '--yes'], plan('false'));
    expect(done.exitCode, done.stderr).toBe(1);
    expect(live()).toEqual(later);
    expect(readFileSync(at('service'), 'utf8')).toBe('stop\nstart\nstop\nstart\n');
  });

  it('touches nothing when one of its artifacts is damaged', async () => {
    const [file] = readdirSync(at('store'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.tar'),
    );
    writeFileSync(at('store', file!), 'x', { flag: 'r+' });
    const done = await run(['restore', 'all', '--latest', '--yes']);
    expect(done.exitCode, done.stderr).toBe(2);
    expect(live()).toEqual(later);
    expect(existsSync(at('service'))).toBe(false);
  });

  it('goes where it came from and nowhere else', async () => {
    const done = await run(['restore', 'all', '--latest', '--to', 'elsewhere']);
    expect(done).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining(
        '"all" is a group, whose backups go back to where they came from: --to speaks of one of db, uploads',
      ),
    });
  });

  it('a member comes back alone by its own name', async () => {
    const done = await run(['restore', 'db', '--latest', '--yes']);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(live()).toEqual({ ...later, rows: 'first' });
  });
});

describe.skipIf(!has('tar'))('members of a folder', () => {
  it('are taken out into a fresh folder', async () => {
    for (const name of ['live', 'store', 'out']) rmSync(at(name), { recursive: true, force: true });
    mkdirSync(at('live', 'uploads', 'deep'), { recursive: true });
    for (const name of ['a', '-b', 'deep/c']) writeFileSync(at('live', 'uploads', name), name);
    const text = `version: 1
name: shop
destinations: { disk: { type: local, path: store } }
backups: { uploads: { source: { type: files, base: live/uploads, paths: [.] }, destinations: [disk] } }
`;
    expect(await run(['apply', '-q'], text)).toMatchObject({ exitCode: 0 });
    const done = await run(['restore', 'uploads', '--latest', '--to', 'out', '--only', './deep', '--only=./-b'], text);
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    expect(readdirSync(at('out'), { recursive: true }).sort()).toEqual(['-b', 'deep', 'deep/c']);
    const missing = await run(['restore', 'uploads', '--latest', '--to', 'none', '--only', 'no such'], text);
    expect(missing.exitCode).toBe(2);
    expect(existsSync(at('none'))).toBe(false);
    const live = await run(['restore', 'uploads', '--latest', '--yes', '--only', './a'], text);
    expect(live).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('is not empty, and --only brings single members'),
    });
  });
});
