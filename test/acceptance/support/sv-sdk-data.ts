/** What the application of sv-sdk keeps, how it asks for it, and a fingerprint of all of it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { full } from '../../proofs/support.ts';
import type { World } from './sv-sdk.ts';

/** `PROOF=full` makes a database of more than a gigabyte. */
export const messages = full ? 1_200_000 : 3_000;

const tables = ['auth.users', 'auth.sessions', 'email.templates', 'email.messages'];

const makeTables = `
create schema auth; create schema email;
create table auth.users (id int primary key, email text not null unique, created_at timestamptz not null default now());
create table auth.sessions (id int primary key, user_id int not null, token text not null);
create table email.templates (name text primary key, body text not null);
create table email.messages (id int primary key, user_id int not null, body text not null);
insert into auth.users select i, 'user' || i || '@example.com' from generate_series(1, 2000) i;
insert into auth.sessions select i, i, md5(i::text) from generate_series(1, 2000) i;
insert into email.templates select 'template-' || i, repeat('Dear {{name}}! ', 20) from generate_series(1, 20) i`;

/** Rows that hardly compress, in statements of some seconds each. */
const makeMessages = (from: number, to: number) => `insert into email.messages select i, 1 + i % 2000,
  (select string_agg(md5(random()::text || i || j), '') from generate_series(1, 28) j) from generate_series(${from}, ${to}) i`;

/** Fills the databases and the folders. */
export function fill({ sql, redis, home }: World): void {
  sql(makeTables);
  for (let from = 1; from <= messages; from += 50_000) sql(makeMessages(from, Math.min(messages, from + 49_999)));
  redis('SET', 'feature:flags', 'on');
  for (let number = 1; number <= 40; number += 1) redis('SET', `session:${number}`, `token-${number}`);
  for (const folder of ['certs', 'logs', 'uploads']) mkdirSync(join(home, folder));
  writeFileSync(join(home, '.env'), 'DATABASE_URL=postgres://sv_sdk_user@localhost/sv_sdk\nJWT_SECRET=not-for-git\n');
  writeFileSync(join(home, 'certs', 'api.pem'), 'certificate');
  writeFileSync(join(home, 'logs', 'app.log'), 'started\n');
  writeFileSync(join(home, 'uploads', 'logo.svg'), '<svg/>');
}

/** The application's own question: it runs, its users are there, every session has one, and its flags are set. */
export async function isRight({ sql, redis, docker }: World): Promise<boolean> {
  if (docker('inspect', '--format={{.State.Running}}', 'sv-sdk-app') !== 'true') return false;
  const orphans = 'select from auth.sessions s left join auth.users u on u.id = s.user_id where u.id is null';
  const question = `select exists (select from auth.users) and exists (select from email.messages) and not exists (${orphans})`;
  return sql(question) === 't' && redis('GET', 'feature:flags') === 'on';
}

/** Every row of every table, in no order. */
export function ofDatabase({ sql }: World): string {
  const all = (table: string) => `select '${table}', count(*), sum(hashtextextended(t::text, 0)) from ${table} t`;
  return sql(tables.map(all).join(' union all '));
}

/** Every key of Redis with its value. */
export function ofRedis({ redis }: World): string {
  const script = `local all = redis.call('KEYS', '*') table.sort(all)
    for i, key in ipairs(all) do all[i] = key .. '=' .. redis.call('GET', key) end return all`;
  return redis('EVAL', script, '0');
}

/** Every file of the configuration and beside it, with its content. */
export function ofFiles({ home }: World): string {
  const script = 'find .env certs logs uploads -type f | LC_ALL=C sort | xargs sha256sum';
  return execFileSync('sh', ['-c', script], { cwd: home, encoding: 'utf8' });
}
