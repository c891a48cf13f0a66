import type { Argument, Command, Value } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import type { Contents } from '../../recipe.ts';
import { type Connection, script, statements } from './connection.ts';
import { definitions } from './definitions.ts';
import { dataIncluded, hasLargeObjects, rowsIncluded, tableIncluded } from './patterns.ts';
import type { Spec } from './spec.ts';
import { oneLine } from './sql.ts';

/** A table and its indexes are locked while it is read: so many tables share a transaction, lest the server's locks run out. */
const tablesPerTransaction = 100;

/** In which text a value is printed must not depend on who asks. Row security that hides rows is an error, as for pg_dump. */
export const canonical: Record<string, string> = {
  row_security: 'off',
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  timezone: 'GMT',
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
  const groups: { kind: string; text: Value }[] = [
    ...definitions(spec),
    ...(hasLargeObjects(spec) ? [{ kind: 'large object', text: largeObjects }] : []),
    { kind: 'rows', text: { text: perTable(rows, moment) } },
    { kind: 'value', text: sequenceValues(isLive) },
  ];
  return groups.toSorted((one, other) => (one.kind < other.kind ? -1 : 1)).map(({ text }) => text);
}

/** Where the values of sequences are kept from before the dump. */
const before = 'sequences.tsv';

const sequences = `select ${name} as name, coalesce(
    case when has_sequence_privilege(c.oid, 'SELECT') then pg_sequence_last_value(c.oid) end, s.seqstart - s.seqincrement)::numeric as value
  from ${from} join pg_sequence s on s.seqrelid = c.oid where not s.seqcycle`;

/**
 * A sequence obeys no transaction: what the dump has read lies between its values before and behind it. Where both are the
 * same, that is it.
 */
function sequenceValues(isLive: boolean): string {
  if (!isLive)
    return `select 'value ' || name || chr(9) || value from (${sequences} and c.oid = any(:'sequences'::oid[])) found order by name collate "C";\n`;
  return `\\set before \`cat -- "$RUNNER_SEQUENCES" 2>/dev/null\`
with earlier as (select split_part(line, chr(9), 1) as name, split_part(line, chr(9), 2)::numeric as value
    from unnest(string_to_array(:'before', chr(10))) line where line <> '')
select 'value ' || name || chr(9) || case when earlier.value = found.value then found.value::text when earlier.value is null then '..' || found.value
    else least(earlier.value, found.value) || '..' || greatest(earlier.value, found.value) end
  from (${sequences} and c.oid = any(:'sequences'::oid[])) found left join earlier using (name) order by name collate "C";\n`;
}

/** Keeps the values of sequences for `contents`: run before the dump. */
export function rememberSequences(connection: Connection, facts: Facts): Command {
  const query = `${sequences} and n.nspname !~ '^pg_'`;
  const command = statements(connection, [`select name || chr(9) || value from (${query}) found`], facts);
  return { ...command, argv: [...command.argv, '-o', { work: before }] };
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
    list('sequences', `c.relkind = 'S' and ${dataIncluded(spec)}`),
    `set search_path = '';\n`,
    ...(wanted === 'counts' ? counts(moment) : checksums(spec, isLive, moment)),
    'commit;\n',
  ];
  const command = script('contents.sql', connection, { text }, facts);
  return isLive ? { ...command, env: { ...command.env, RUNNER_SEQUENCES: { work: before } } } : command;
}
