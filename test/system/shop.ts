/** A small live shop in a directory of its own: a database, files, keys, and the plan that backs it up. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { has } from '../helpers/programs.ts';
import { makeKey } from '../kinds/gpg-keys.ts';

/** Programs without which the transforms of this name are left out of the shop's plan. */
export const have = {
  zstd: has('zstd'),
  xz: has('xz'),
  gpg: has('gpg'),
  age: has('age', 'age-keygen'),
  sqlite3: has('sqlite3'),
};

export type Keys = {
  passphrase: string;
  gpgPublic: string;
  gpgPrivate: string;
  agePublic: string;
  ageIdentity: string;
};

/** Key files of every kind of encryption, below `directory`. */
export async function makeKeys(directory: string): Promise<Keys> {
  mkdirSync(directory, { recursive: true });
  const passphrase = join(directory, 'passphrase');
  writeFileSync(passphrase, 'a passphrase of several words\n', { mode: 0o600 });
  const { publicFile, privateFile } = await makeKey('ops');
  const ageIdentity = join(directory, 'age.key');
  const agePublic = have.age ? ageKey(ageIdentity) : '';
  return { passphrase, gpgPublic: publicFile, gpgPrivate: privateFile, agePublic, ageIdentity };
}

function ageKey(file: string): string {
  execFileSync('age-keygen', ['-o', file], { stdio: 'ignore' });
  return execFileSync('age-keygen', ['-y', file], { encoding: 'utf8' }).trim();
}

/** A database in WAL mode with customers and orders, and a folder with names that are hard on programs. */
export async function makeShop(directory: string): Promise<void> {
  mkdirSync(join(directory, 'uploads', 'a folder'), { recursive: true });
  writeFileSync(join(directory, 'uploads', 'a folder', '-first "of" all.txt'), 'one\n');
  writeFileSync(join(directory, 'uploads', 'line\nbreak'), Buffer.alloc(3000, 7));
  const { default: Database } = await import('libsql');
  const database = new Database(join(directory, 'shop.sqlite'));
  database.exec('pragma journal_mode = wal');
  database.exec('create table customers (id integer primary key, name text)');
  const insert = database.prepare('insert into customers (name) values (?)');
  for (let number = 1; number <= 200; number++) insert.run(`customer ${number}`);
  database.close();
}

const list = (...items: (unknown | false)[]) => items.filter((item) => item !== false);

/** Three backups with transforms, hooks, checks and retention at two destinations. `KEEP` is how many stay. */
export function shopPlan(directory: string, keys: Keys): Record<string, unknown> {
  const step = (text: string) => ({ run: ['sh', '-c', `echo ${text} "$$RUNNER_HOOK" >/dev/null`] });
  return {
    version: 1,
    name: 'shop',
    secrets: { key: { file: keys.passphrase }, spoken: { command: ['printf', '%s', 'a spoken passphrase'] } },
    destinations: {
      main: { type: 'local', path: join(directory, 'main') },
      nas: { type: 'local', path: join(directory, 'nas') },
    },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the plan's own interpolation.
    defaults: { destinations: ['main', 'nas'], retention: { last: '${KEEP:-2}' } },
    hooks: { before: [step('plan')], after: [step('plan')], 'on-failure': [step('plan')], finally: [step('plan')] },
    backups: {
      orders: {
        source: { type: 'sqlite', path: join(directory, 'shop.sqlite') },
        transforms: list(have.zstd && { zstd: { level: 4 } }, { aes: { key: { secret: 'key' }, iterations: 10000 } }),
        priority: { nice: 1 },
        verify: [
          'content',
          {
            restore: {
              assert: [
                { sql: 'select count(*) from customers', 'at-least': 1, compare: 'source' },
                { command: ['sh', '-c', 'test -s "$$RUNNER_TARGET"'] },
              ],
            },
          },
        ],
        hooks: {
          before: [step('orders'), { sql: 'select 1' }],
          after: [step('orders')],
          'on-failure': [step('orders')],
          finally: [step('orders')],
        },
        restore: {
          before: [step('before')],
          assert: [{ sql: 'select count(*) from customers', equals: 200 }],
          stop: [
            { run: ['sh', '-c', 'echo stop app'], start: ['sh', '-c', 'echo start app'] },
            { run: ['sh', '-c', 'echo stop queue'], start: ['sh', '-c', 'echo start queue'] },
          ],
          after: [step('after'), { sql: 'select 1' }],
        },
      },
      uploads: {
        source: { type: 'files', base: join(directory, 'uploads'), paths: ['.'], exclude: ['*.tmp'] },
        transforms: list(
          have.xz && 'xz',
          have.gpg && { gpg: { recipients: [keys.gpgPublic], identity: keys.gpgPrivate } },
        ),
        verify: [
          { checksum: {} },
          'content',
          { restore: { assert: [{ count: '**', equals: 2 }, { file: 'a folder/-first "of" all.txt' }] } },
        ],
        restore: { overwrite: true, safety: { destinations: ['nas'] } },
      },
      feed: {
        source: {
          type: 'command',
          run: ['printf', '%s', 'ten %d `lines` "of" $$text\n'],
          restore: ['sh', '-c', 'cat >/dev/null'],
        },
        transforms: list(
          'gzip',
          have.age && { age: { recipients: [keys.agePublic], identities: [keys.ageIdentity] } },
          have.gpg && { gpg: { passphrase: { secret: 'spoken' } } },
        ),
        verify: ['content'],
      },
    },
  };
}

/** Writes a plan below `directory` and returns its path. */
export function writePlan(directory: string, plan: unknown, name = 'plan.yaml'): string {
  const path = join(directory, name);
  writeFileSync(path, stringify(plan, { aliasDuplicateObjects: false }));
  return path;
}
