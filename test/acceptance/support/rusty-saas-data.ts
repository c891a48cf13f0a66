/** What the application of rusty-saas keeps, how it asks for it, and a fingerprint of all of it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { full } from '../../proofs/support.ts';
import type { World } from './rusty-saas.ts';

/**
 * `PROOF=full` makes a database of more than a gigabyte. Each piece comes twice: azurite reads what it copies as one text, and answers
 * 500 from 512 MB on, so what is sealed must be smaller.
 */
const cases = full ? 1_200_000 : 2_000;

const tables = `create table users (id int primary key, email text not null unique);
create table cases (id int primary key, user_id int not null references users, notes text not null);
insert into users select i, 'user' || i || '@yourdomain.com' from generate_series(1, 500) i;
insert into cases select i, 1 + i % 500,
  (select string_agg(repeat(md5(random()::text || i || j), 2), '') from generate_series(1, 14) j) from generate_series(1, ${cases}) i`;

const files: Record<string, string> = {
  'opt/rusty-saas/config/app.toml': 'port = 8080\n',
  'opt/rusty-saas/config/features.toml': 'cases = true\n',
  'opt/rusty-saas/.env': 'DATABASE_PASSWORD=kT9vQ2mXw7Lr4Zp8\n',
  'opt/rusty-saas/data/1/contract.pdf': 'a contract',
  'opt/rusty-saas/data/2/invoice.pdf': 'an invoice',
  'etc/systemd/system/rusty-saas.service': '[Service]\nExecStart=/opt/rusty-saas/bin/server\n',
  'etc/nginx/sites-available/rusty-saas': 'server { listen 443 ssl; }\n',
  'var/log/rusty-saas/app.log': 'started\n',
  'var/log/auth.log': 'session opened\n',
};

/** Fills the database and the folders of the host. */
export async function fill({ sql, root }: World): Promise<void> {
  await sql(tables);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content, { mode: name.endsWith('.env') ? 0o600 : 0o644 });
  }
}

/** The application's own question: there are users, and each has the same number of cases. */
export async function isRight({ sql }: World): Promise<boolean> {
  const counts = 'select count(c.id) n from users u left join cases c on c.user_id = u.id group by u.id';
  return (await sql(`select count(distinct n) = 1 and min(n) > 0 from (${counts}) x`)) === 't';
}

/** Every row of every table, in no order. */
export async function ofDatabase({ sql }: World): Promise<string> {
  const all = (table: string) => `select '${table}', count(*), sum(hashtextextended(t::text, 0)) from ${table} t`;
  return await sql(['users', 'cases'].map(all).join(' union all '));
}

/** Every file with its mode, owner and content. */
export function ofFiles({ root }: World, ...folders: string[]): string {
  const script =
    'find "$@" -type f | LC_ALL=C sort | while read -r f; do stat -c "%n %a %u:%g" "$f"; sha256sum <"$f"; done';
  return execFileSync('sh', ['-c', script, 'sh', ...folders], { cwd: root, encoding: 'utf8' });
}
