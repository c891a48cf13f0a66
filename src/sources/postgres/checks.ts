/** Checks of the live source before anything starts. */
import type { Command } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import type { Facts } from '../../kind.ts';
import { live, statements } from './connection.ts';
import { isSchema, isTable, rowsIncluded, tableIncluded } from './patterns.ts';
import { privileges } from './privileges.ts';
import { absent, qualified, relations, sentence, someNames } from './sentences.ts';
import { databaseOf, found, maintenanceOf, type Spec } from './spec.ts';
import { literal, oneLine } from './sql.ts';

/** What the plan names must be there: a pattern that matches nothing is a mistake or a loss. */
function requested(spec: Spec): string[] {
  const schemas = `select nspname as name from pg_catalog.pg_namespace where nspname !~ '^pg_'`;
  const ofUsers = `c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;
  const table = (pattern: string) => {
    const name = pattern.includes('.') ? `n.nspname || '.' || c.relname` : 'c.relname';
    const names = `select ${name} as name from ${relations} where ${ofUsers}`;
    return absent('table', pattern, `select from ${relations} where ${isTable(pattern)}`, names);
  };
  return [
    ...(spec.schemas ?? []).map((pattern) =>
      absent('schema', pattern, `select from pg_catalog.pg_namespace n where ${isSchema(pattern)}`, schemas),
    ),
    ...[...(spec.tables ?? []), ...(spec['exclude-table-data'] ?? [])].map(table),
  ];
}

/** Settings that do not hold: what the session has must be what asking for them gives. */
function settings(spec: Spec): string[] {
  return Object.entries(spec.settings ?? {}).map(([name, value]) => {
    const [setting, wanted] = [literal(name), literal(value)];
    return `with before as materialized (select current_setting(${setting}) as value),
      after as materialized (select set_config(${setting}, ${wanted}, false) as value from before)
      select ${oneLine(`format('the setting %s was to be %s, and is %s', ${setting}, after.value, before.value)`)}
      from before, after where before.value <> after.value`;
  });
}

function remarks(spec: Spec, standby: boolean): string[] {
  const from = `${relations} where ${tableIncluded(spec)}`;
  const foreign = `select ${qualified} from ${from} and c.relkind = 'f'`;
  const unlogged = `select ${qualified} from ${from} and c.relpersistence = 'u' and ${rowsIncluded(spec)}`;
  return [
    `select 'warning: the database ' || quote_ident(current_database()) || ' holds no table that is backed up'
      where not exists (select from ${from} and c.relkind in ('r', 'p', 'm', 'f'))`,
    sentence(foreign, `'warning: rows of foreign tables lie elsewhere and are not in the backup: '`, someNames),
    ...(standby
      ? [
          sentence(
            unlogged,
            `'warning: a standby has no rows of unlogged tables, so they are not in the backup: '`,
            someNames,
          ),
        ]
      : []),
  ];
}

/** Whether everything of one database that is to be dumped is there and can be read. */
export function checkDatabase(spec: Spec, facts: Facts): Requirement {
  const name = databaseOf(spec);
  const standby = found(facts)?.recovery ?? false;
  const questions = [...requested(spec), ...settings(spec), ...privileges(spec), ...remarks(spec, standby)];
  return {
    need: 'check',
    title: `the database ${name === null ? 'of the connection' : `"${name}"`} can be read`,
    command: statements(live(spec, name, facts), questions, facts),
  };
}

/** Where a database does not answer: whether there is one of that name. Anything else that is wrong is told by the survey. */
export function checkName(spec: Spec, name: string, facts: Facts): Requirement {
  const { settings: _, role: __, ...plain } = spec;
  const names = 'select datname as name from pg_catalog.pg_database where datallowconn';
  const question = absent('database', name, `${names} and datname = ${literal(name)}`, names);
  const command: Command = statements(live(plain, maintenanceOf(spec), facts), [question], facts);
  const ignored = [{ pattern: '', means: 'ignore' as const }];
  return {
    need: 'check',
    title: `the database "${name}" exists`,
    command: { ...command, exits: [1, 2].map((code) => ({ code, lines: ignored })) },
  };
}

/** Databases that a plan for all of them cannot take along, and what is open to everybody's mistake: closed ones, and CONNECT. */
export function checkServer(spec: Spec, names: readonly string[], facts: Facts): Requirement {
  const wanted = names.map(literal).join(', ');
  const closed = `select quote_ident(datname) as name from pg_catalog.pg_database where not datallowconn and datname <> 'template0'`;
  const questions = [
    ...names.map((name) =>
      absent(
        'database',
        name,
        `select from pg_catalog.pg_database where datname = ${literal(name)}`,
        'select datname as name from pg_catalog.pg_database where datallowconn',
      ),
    ),
    ...(Array.isArray(spec.database)
      ? []
      : [sentence(closed, `'warning: databases that allow no connections are not in the backup: '`, someNames)]),
    sentence(
      `select quote_ident(datname) as name from pg_catalog.pg_database
        where datname in (${wanted === '' ? 'null' : wanted}) and not has_database_privilege(oid, 'CONNECT')`,
      `'the role '`,
      'quote_ident(current_user)',
      `' may not connect to '`,
      someNames,
      `'; type: GRANT CONNECT ON DATABASE '`,
      `string_agg(name, ', ' order by name)`,
      `' TO '`,
      'quote_ident(current_user)',
    ),
  ];
  return {
    need: 'check',
    title: 'the databases of the server can be connected to',
    command: statements(live(spec, maintenanceOf(spec), facts), questions, facts),
  };
}
