import type { Argument, Command } from '../../command.ts';
import type { Databases, Facts } from '../../kind.ts';
import { client, generated, runGenerated, statement } from './connection.ts';
import { dumpCommand } from './dump.ts';
import type { MysqlSpec } from './spec.ts';
import { identifier, isNamed, literal } from './sql.ts';

/** Seconds to wait for somebody who uses a table, instead of forever. */
const lockWait = 'SET SESSION lock_wait_timeout = 60';

function where(spec: MysqlSpec): string {
  if (spec.url) return `the server of the secret "${spec.url.secret}"`;
  if (spec.socket !== undefined) return spec.socket;
  if (spec.host === undefined && spec.port === undefined) return 'the local server';
  return `${spec.host ?? '127.0.0.1'}:${spec.port ?? 3306}`;
}

/** The same user and password at another server. Throws an Error with a sentence for a URL that is no such server. */
function at(spec: MysqlSpec, url: URL): MysqlSpec {
  if (!['mysql:', 'mariadb:'].includes(url.protocol))
    throw new Error(`${url.protocol}// is no ${spec.type} server; write ${spec.type}://user@host:port/database`);
  if (spec.url) throw new Error('the source is named by a secret URL; name the parts in the plan to restore elsewhere');
  const { socket: _socket, ...rest } = spec;
  return {
    ...rest,
    host: decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? 3306 : Number(url.port),
    ...(url.username === '' ? {} : { user: decodeURIComponent(url.username) }),
  };
}

function look(spec: MysqlSpec, name: string, facts: Facts): Command {
  const has = (table: string, column: string) =>
    `EXISTS (SELECT 1 FROM information_schema.${table} WHERE ${isNamed(column, name)})`;
  const full = [has('TABLES', 'TABLE_SCHEMA'), has('ROUTINES', 'ROUTINE_SCHEMA'), has('EVENTS', 'EVENT_SCHEMA')];
  const sql = `SELECT CASE WHEN NOT ${has('SCHEMATA', 'SCHEMA_NAME')} THEN 'nothing' WHEN ${full.join(' OR ')} THEN 'full' ELSE 'empty' END`;
  return statement(elsewhere(spec), facts, sql);
}

/** What is done to other databases does not begin in the one that a URL names: it may not be there. */
const elsewhere = (spec: MysqlSpec): MysqlSpec => (spec.part ? spec : { ...spec, part: { users: true } });

const settings = "CONCAT(' CHARACTER SET ', DEFAULT_CHARACTER_SET_NAME, ' COLLATE ', DEFAULT_COLLATION_NAME)";

/** With the character set and collation of `like`, else of what the artifact was made of. */
function create(spec: MysqlSpec, name: string, like: string | null, facts: Facts): Command[] {
  const from =
    like === null
      ? "''"
      : `IFNULL((SELECT ${settings} FROM information_schema.SCHEMATA WHERE ${isNamed('SCHEMA_NAME', like)}), '')`;
  const known = like === null ? collate(facts) : '';
  const text = `SELECT CONCAT(${literal(`CREATE DATABASE ${identifier(name)}${known}`)}, ${from}, ';');\n`;
  return [generated(elsewhere(spec), facts, { script: runGenerated, ask: text, name: 'create' })];
}

/** The collation that the manifest keeps; it comes from outside, so it must look like one. */
export function collate(facts: Facts): string {
  const collation = facts.made?.facts.collation ?? '';
  return /^\w+$/.test(collation) ? ` COLLATE ${collation}` : '';
}

/** Others are ended where we may; one that has just gone, or is not ours to end, is no failure. */
const endOthers = `set -eu
ask=$1 made=$3; shift 4
"$@" --raw <"$ask" >"$made"
"$@" --force <"$made" 2>/dev/null || :`;

function drop(spec: MysqlSpec, name: string, facts: Facts): Command[] {
  const text = `SELECT CONCAT('KILL ', ID, ';') FROM information_schema.PROCESSLIST WHERE ${isNamed('DB', name)} AND ID <> CONNECTION_ID();\n`;
  return [
    generated(elsewhere(spec), facts, { script: endOthers, ask: text, name: 'others' }),
    statement(elsewhere(spec), facts, `${lockWait}; DROP DATABASE IF EXISTS ${identifier(name)}`),
  ];
}

/** Made anew as it was: grants on a database outlive it. */
function clear(spec: MysqlSpec, name: string, facts: Facts): Command[] {
  const remade = `SELECT CONCAT(${literal(`${lockWait}; DROP DATABASE ${identifier(name)}; CREATE DATABASE ${identifier(name)}`)}, ${settings}, ';') FROM information_schema.SCHEMATA WHERE ${isNamed('SCHEMA_NAME', name)};\n`;
  return [
    ...drop(spec, name, facts).slice(0, 1),
    generated(elsewhere(spec), facts, { script: runGenerated, ask: remade, name: 'clear' }),
  ];
}

/** Dumped from one and loaded into the other, with triggers and keys: RENAME TABLE takes neither across databases. */
function move(
  spec: MysqlSpec,
  parts: readonly string[],
  { beside, target }: { beside: string; target: string },
  facts: Facts,
): Command[] {
  const { 'exclude-tables': _excluded, ...rest } = spec;
  const some = { ...rest, tables: [...parts] as [string, ...string[]], routines: false, events: false };
  const file: Argument = { work: 'moved.sql' };
  const { argv, ...load } = client(spec, facts, { database: target });
  return [
    dumpCommand(some, beside, facts, [{ join: ['--result-file=', file] }]),
    { argv: ['sh', '-c', 'file=$1; shift; exec "$@" <"$file"', 'sh', file, ...argv], ...load },
  ];
}

/** Only MariaDB keeps a comment with a database. */
const mark: NonNullable<Databases<MysqlSpec>['mark']> = {
  write: (spec, name, text, facts) => [
    statementOf(spec, facts, [`ALTER DATABASE ${identifier(name)} COMMENT = '`, text, `'`]),
  ],
  read: (spec, name, facts) =>
    statement(
      elsewhere(spec),
      facts,
      `SELECT SCHEMA_COMMENT FROM information_schema.SCHEMATA WHERE ${isNamed('SCHEMA_NAME', name)}`,
    ),
};

function statementOf(spec: MysqlSpec, facts: Facts, sql: Argument[]): Command {
  const { argv, ...rest } = client(elsewhere(spec), facts);
  return { argv: [...argv, { join: ['--execute=', ...sql] }], ...rest };
}

export const databases = (type: MysqlSpec['type']): Databases<MysqlSpec> => ({
  where,
  at,
  look,
  create,
  drop,
  clear,
  ...(type === 'mariadb' ? { mark } : {}),
  move,
});
