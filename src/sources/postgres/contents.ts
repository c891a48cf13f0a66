import type { Argument, Command, Contents, Value } from '../../graph.ts';
import type { Facts } from '../../kind.ts';
import { type Connection, script } from './connection.ts';
import { definitions } from './definitions.ts';
import { hasLargeObjects, rowsIncluded, tableIncluded } from './patterns.ts';
import type { Spec } from './spec.ts';
import { oneLine } from './sql.ts';

/** A table and its indexes are locked while it is read: so many tables share a transaction, lest the server's locks run out. */
const tablesPerTransaction = 100;

/** In which text a value is printed must not depend on who asks. Row security that hides rows is an error, as for pg_dump. */
export const canonical: Record<string, string> = {
  row_security: 'off',
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  xmloption: 'content',
  lc_monetary: 'C',
  statement_timeout: '0',
};

const begin = 'begin transaction isolation level repeatable read read only';

const from = 'pg_class c join pg_namespace n on n.oid = c.relnamespace';
const name = oneLine(`format('%I.%I', n.nspname, c.relname)`);

/** Independent of the order of rows: the sum of a hash of each row's text, beside their number. */
const sumOfRows = `count(*) || '' '' || coalesce(sum((''x'' || substr(md5("runner row"::text), 1, 15))::bit(60)::bigint), 0)`;

/** One statement a table, run by \\gexec; between them a new transaction now and then, which sees the same moment. */
function perTable(query: string, moment: Argument | undefined): Value[] {
  const rejoin: Value[] =
    moment === undefined
      ? ['null::text']
      : [
          `case when number % ${tablesPerTransaction} = 0 then 'set transaction snapshot '''`,
          ` || '`,
          moment,
          `''' end`,
        ];
  const every = (statement: string) => `case when number % ${tablesPerTransaction} = 0 then '${statement}' end`;
  return [
    `select ${every('commit')}, ${every(begin)}, `,
    ...rejoin,
    `, statement from (select row_number() over (order by name collate "C") as number, statement from (${query}) listed (name, statement)) numbered order by number \\gexec\n`,
  ];
}

function counts(moment: Argument | undefined): Value[] {
  const query = `select ${name}, format('select %L || chr(9) || count(*) from only %I.%I', ${name}, n.nspname, c.relname)
    from ${from} where c.oid = any(:'rows'::oid[])`;
  return perTable(query, moment);
}

function checksums(spec: Spec, isLive: boolean, moment: Argument | undefined): Value[] {
  const rows = `select ${name}, format('select ''rows '' || %L || chr(9) || ${sumOfRows} from only %I.%I "runner row"', ${name}, n.nspname, c.relname)
    from ${from} where c.oid = any(:'rows'::oid[])`;
  // A sequence obeys no transaction: what the dump has read lies at the source's value or further on.
  const bound = isLive ? `case when s.seqincrement > 0 then '>=' else '<=' end` : `''`;
  const values = `select ${name}, format('select ''value '' || %L || chr(9) || %L || last_value - case when is_called then 0 else %s end from %I.%I',
      ${name}, ${bound}, s.seqincrement, n.nspname, c.relname)
    from pg_sequence s join ${from.replace('pg_class c', 'pg_class c on c.oid = s.seqrelid')}
    where c.oid = any(:'relations'::oid[]) and not s.seqcycle`;
  const groups: { kind: string; text: Value }[] = [
    ...definitions(spec),
    ...(hasLargeObjects(spec) ? [{ kind: 'large object', text: largeObjects }] : []),
    { kind: 'rows', text: { text: perTable(rows, moment) } },
    { kind: 'value', text: { text: perTable(values, moment) } },
  ];
  return groups.toSorted((one, other) => (one.kind < other.kind ? -1 : 1)).map(({ text }) => text);
}

/** In pieces, since a large object may be larger than any value. */
const largeObjects = `select 'large object ' || l.oid || chr(9) || md5(pg_get_userbyid(l.lomowner) || coalesce(
    (select string_agg(md5(lo_get(l.oid, piece * 16777216, 16777216)), '' order by piece)
      from generate_series(0, (lo_lseek64(lo_open(l.oid, 262144), 0, 2) / 16777216)) piece), ''))
  from pg_largeobject_metadata l order by l.oid::text collate "C";\n`;

/**
 * Prints what a database holds, part by part: rows of each table, or also a checksum of them and of each definition. Lines are
 * the same wherever the same dump was restored. Names are found by the role's own search_path first, and then written in full.
 */
export function contents(
  connection: Connection,
  wanted: Contents,
  given: { spec: Spec; facts: Facts; isLive: boolean; moment?: Argument | undefined },
): Command {
  const { spec, facts, isLive, moment } = given;
  const list = (variable: string, condition: string) =>
    `select coalesce(array_agg(c.oid), '{}') as ${variable} from ${from} where ${tableIncluded(spec)} and ${condition} \\gset\n`;
  const text: Value[] = [
    `${begin};\n`,
    ...(moment === undefined ? [] : [`set transaction snapshot '`, moment, `';\n`]),
    list('relations', "c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')"),
    list('rows', rowsIncluded(spec)),
    `set search_path = '';\n`,
    ...(wanted === 'counts' ? counts(moment) : checksums(spec, isLive, moment)),
    'commit;\n',
  ];
  return script(connection, { text }, facts);
}
