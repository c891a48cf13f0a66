/** The data of document 001, and what its old scripts made of it. */
import { execFileSync } from 'node:child_process';
import type { DockerEngine } from '../../helpers/docker.ts';
import type { Sql } from './containers.ts';

/** A thousand appointments are booked, the others are over; of a kibibyte each where it is a million of them. */
export function fillDatabase(sql: Sql, isFull: boolean): void {
  const note = isFull ? `(select string_agg(md5(random()::text), '') from generate_series(1, 32) s where i > 0)` : `''`;
  const { status, stderr } = sql(`
    create table users (id int primary key, email text not null, created timestamptz default now());
    create table appointments (id int primary key, user_id int not null references users, state text, note text);
    create index on appointments (state);
    insert into users select i, 'user' || i || '@randevubu.com' from generate_series(1, 500) i;
    insert into appointments select i, 1 + i % 500, case when i <= 1000 then 'booked' else 'over' end, ${note}
      from generate_series(1, ${isFull ? 1_050_000 : 20_000}) i;`);
  if (status !== 0 || stderr !== '') throw new Error(stderr);
}

const digest = (table: string) =>
  `select count(*), sum(('x' || substr(md5(t::text), 1, 8))::bit(32)::bigint) from ${table} t;`;

/** Every row of every table, as two numbers each. */
export const databaseHash = (sql: Sql, name?: string): string =>
  sql(digest('users') + digest('appointments'), name).stdout;

/** A backup as the scripts of the document made it: openssl's own number of rounds, no manifest. */
export function oldScript(engine: DockerEngine, container: string, password: string, key: string, file: string): void {
  const dump = `docker exec -u postgres -e PGPASSWORD=${password} ${container} pg_dump -U randevubu randevubu`;
  const line = `set -eo pipefail; ${dump} | gzip | openssl enc -aes-256-cbc -pbkdf2 -pass file:${key} >${file}`;
  execFileSync('bash', ['-c', line], { env: { ...process.env, ...engine.env } });
}
