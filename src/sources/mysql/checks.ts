import type { Command } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import type { Facts } from '../../kind.ts';
import { nearest } from '../../plan/nearest.ts';
import { generated, statement } from './connection.ts';
import { databasesOf } from './parts.ts';
import { lacksShowView, privilegeProblems } from './privileges.ts';
import { findProgram, olderThan, type Role, seriesOf, seriesText, usualName } from './programs.ts';
import { type Flavour, flavourOf, type MysqlSpec, makers, surveyed, systemDatabases, wanted } from './spec.ts';
import { grantScope, literal, quotedColumn } from './sql.ts';

/** What must hold before anything starts. What the survey told is a fact; what only a look at the tables tells, a check. */
export function requirements(spec: MysqlSpec, facts: Facts): Requirement[] {
  const survey = surveyed(facts);
  const databases = databasesOf(spec, facts) ?? [];
  const known = new Set(survey?.databases.map(({ name }) => name));
  const seen = databases.filter((name) => known.has(name));
  const problems = [
    ...programProblems(facts, flavourOf(spec, facts)),
    ...(survey ? serverProblems(spec, facts) : []),
    ...(survey ? databaseProblems(spec, databases, facts) : []),
    ...privilegeProblems(spec, seen, facts),
  ];
  return [
    ...programs(spec, facts),
    ...secrets(spec),
    ...problems.map((problem): Requirement => ({ need: 'fact', problem })),
    ...(survey && problems.length === 0 && seen.length > 0 ? checks(spec, seen, facts) : []),
  ];
}

function programs(spec: MysqlSpec, facts: Facts): Requirement[] {
  const flavour = flavourOf(spec, facts);
  const hint = `install ${makers[flavour]}'s client programs, or let them run where they are: run-in`;
  return (['dump', 'client'] as const).flatMap((role): Requirement[] => {
    const program = findProgram(facts, role, flavour)?.command ?? usualName(role, flavour);
    const why = role === 'dump' ? 'it dumps the database' : 'it asks and loads the database';
    return [{ need: 'program', program, why, hint }];
  });
}

function secrets({ password, url }: MysqlSpec): Requirement[] {
  return [
    ...(password ? [{ need: 'secret' as const, secret: password.secret, why: 'it opens the database' }] : []),
    ...(url ? [{ need: 'secret' as const, secret: url.secret, why: 'it says where the database is' }] : []),
  ];
}

/** A dump by the other maker's program may look whole and not load: generated columns, positions, ways to log in differ. */
function programProblems(facts: Facts, flavour: Flavour): string[] {
  const other: Flavour = flavour === 'mysql' ? 'mariadb' : 'mysql';
  const series = seriesOf(facts.survey?.version);
  return (['dump', 'client'] as const satisfies Role[]).flatMap((role) => {
    const own = findProgram(facts, role, flavour, series);
    const foreign = findProgram(facts, role, other);
    if (!own && foreign)
      return [
        `${foreign.command} is ${makers[other]}'s (${seriesText(foreign.version)}), and what it does with a ${makers[flavour]} server does not always come back: install ${makers[flavour]}'s client programs, or let them run where they are: run-in`,
      ];
    if (own && series && own.version.major < series.major)
      return [
        `${own.command} is of version ${seriesText(own.version)} and the server of ${facts.survey!.version}: install ${makers[flavour]}'s client programs of version ${seriesText(series)} or newer`,
      ];
    return [];
  });
}

function serverProblems(spec: MysqlSpec, facts: Facts): string[] {
  const { flavour, encrypted } = surveyed(facts)!;
  const { version } = facts.survey!;
  const mode = spec.tls?.mode ?? (spec.tls?.ca ? 'verify-full' : 'prefer');
  return [
    ...(flavour === spec.type
      ? []
      : [`the server is ${makers[flavour]} ${version}: write \`type: ${flavour}\` for the source`]),
    ...(encrypted || mode === 'prefer' || mode === 'disable'
      ? []
      : ['the plan wants an encrypted connection (`tls`), and the server gives none']),
  ];
}

function databaseProblems(spec: MysqlSpec, databases: readonly string[], facts: Facts): string[] {
  const { databases: all, account } = surveyed(facts)!;
  const names = all.map(({ name }) => name).filter((name) => !systemDatabases.includes(name.toLowerCase()));
  if (databases.length === 0 && !(spec.part && 'users' in spec.part)) {
    if (spec.database === undefined)
      return spec.globals ? [] : ['no database is named: write `database`, or put it behind the / of the URL'];
    return [`no database matches; ${account} sees ${listed(names)}`];
  }
  return databases
    .filter((name) => !all.some((other) => other.name === name))
    .map((name) => {
      const near = nearest(name, names);
      const other = near === undefined ? `; ${account} sees ${listed(names)}` : `; did you mean "${near}"?`;
      return `there is no database "${name}" at the server, or ${account} may not see it${other}`;
    });
}

const listed = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : names.slice(0, 10).join(', ') + (names.length > 10 ? ' ...' : '');

function checks(spec: MysqlSpec, databases: readonly string[], facts: Facts): Requirement[] {
  const series = seriesOf(facts.survey?.version);
  const dump = findProgram(facts, 'dump', flavourOf(spec, facts), series);
  const old = series && dump && olderThan(dump.version, series);
  return [
    { need: 'check', title: `the tables of ${listed(databases)}`, command: tableCheck(spec, databases, facts) },
    { need: 'check', title: `the views of ${listed(databases)}`, command: viewCheck(spec, databases, facts) },
    ...(old
      ? [
          {
            need: 'check' as const,
            title: 'the version of the programs',
            command: warning(
              `${dump.command} is of version ${seriesText(dump.version)}, older than the server (${facts.survey!.version})`,
            ),
          },
        ]
      : []),
  ];
}

const warning = (text: string): Command => ({ argv: ['printf', '%s\n', `warning: ${text}`] });

/** A condition on a column that holds names of tables. */
export function chosenTables({ tables, 'exclude-tables': excluded }: MysqlSpec, column: string): string {
  const list = (names: readonly string[]) => names.map(literal).join(', ');
  return [
    ...(tables ? [` AND ${column} IN (${list(tables)})`] : []),
    ...(excluded ? [` AND ${column} NOT IN (${list(excluded)})`] : []),
  ].join('');
}

/** Sentences about tables: none at all, tables that are named and not there, engines that know no transactions. */
function tableCheck(spec: MysqlSpec, databases: readonly string[], facts: Facts): Command {
  const list = databases.map(literal).join(', ');
  const tables = 'information_schema.TABLES';
  const missing = databases.flatMap((database) =>
    (spec.tables ?? []).map(
      (table) =>
        `SELECT CONCAT('there is no table ', ${literal(`"${table}" in "${database}"`)}) FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM ${tables} WHERE TABLE_SCHEMA = ${literal(database)} AND TABLE_NAME = ${literal(table)})`,
    ),
  );
  const sql = [
    'SET SESSION group_concat_max_len = 100000',
    `SELECT CONCAT('warning: the database "', s.SCHEMA_NAME, '" holds no tables') FROM information_schema.SCHEMATA s WHERE s.SCHEMA_NAME IN (${list}) AND NOT EXISTS (SELECT 1 FROM ${tables} t WHERE t.TABLE_SCHEMA = s.SCHEMA_NAME)`,
    `SELECT CONCAT('warning: ', COUNT(*), IF(COUNT(*) = 1, ' table', ' tables'), ' of "', TABLE_SCHEMA, '" cannot be read in one moment with the others, since ', ENGINE, ' knows no transactions: ', LEFT(GROUP_CONCAT(TABLE_NAME ORDER BY TABLE_NAME SEPARATOR ', '), 300), '; ALTER TABLE ... ENGINE=InnoDB would mend that') FROM ${tables} WHERE TABLE_SCHEMA IN (${list}) AND TABLE_TYPE LIKE 'BASE%' AND ENGINE NOT IN (SELECT ENGINE FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES') AND ENGINE NOT IN ('BLACKHOLE', 'FEDERATED')${chosenTables(spec, 'TABLE_NAME')} GROUP BY TABLE_SCHEMA, ENGINE`,
    ...missing,
    ...databases.filter((name) => flavourOf(spec, facts) === 'mariadb' && /['"\\]/.test(name)).map(codeCheck(spec)),
    ...lacksShowView(databases, facts).map(
      (database) =>
        `SELECT ${literal(`the views of "${database}" cannot be dumped without SHOW VIEW: GRANT SHOW VIEW ON ${grantScope(database)}.* TO the user of the backup`)} FROM DUAL WHERE EXISTS (SELECT 1 FROM ${tables} WHERE TABLE_SCHEMA = ${literal(database)} AND TABLE_TYPE = 'VIEW'${chosenTables(spec, 'TABLE_NAME')})`,
    ),
  ].join('; ');
  return statement(spec, facts, sql);
}

/** mariadb-dump escapes such a name where it must not, and finds no database of that name. */
const codeCheck = (spec: MysqlSpec) => (database: string) => {
  const { routines, events } = wanted(spec);
  const sentence = `mariadb-dump cannot dump routines and events of the database "${database}", since its name holds a quote or a backslash: rename it, or write \`routines: false\` and \`events: false\``;
  const exists = (table: string, column: string) =>
    `EXISTS (SELECT 1 FROM information_schema.${table} WHERE ${column} = ${literal(database)})`;
  const found = [
    ...(routines ? [exists('ROUTINES', 'ROUTINE_SCHEMA')] : []),
    ...(events ? [exists('EVENTS', 'EVENT_SCHEMA')] : []),
    'FALSE',
  ];
  return `SELECT ${literal(sentence)} FROM DUAL WHERE ${found.join(' OR ')}`;
};

/** A view whose definer is gone can be dumped, and read by nobody; any other error ends the dump. */
const sortViews = `set -eu
ask=$1 made=$3 out=$4; shift 4
"$@" --raw <"$ask" >"$made"
"$@" <"$made" >"$out"
tab=$(printf '\\t')
told=
while IFS=$tab read -r view op kind text; do
  [ "$view" != "$told" ] || continue
  case $kind in Error) told=$view ;; esac
  case $kind:$text in
    Error:'The user specified as a definer'*) printf 'warning: nobody can read the view %s: %s\\n' "$view" "$text" ;;
    Error:*) printf 'the view %s cannot be dumped: %s; mend it, drop it, or name it in exclude-tables\\n' "$view" "$text" ;;
  esac
done <"$out"`;

function viewCheck(spec: MysqlSpec, databases: readonly string[], facts: Facts): Command {
  const name = `${quotedColumn('TABLE_SCHEMA')}, '.', ${quotedColumn('TABLE_NAME')}`;
  const list = databases.map(literal).join(', ');
  const ask = `SELECT CONCAT('CHECK TABLE ', ${name}, ';') FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (${list}) AND TABLE_TYPE = 'VIEW'${chosenTables(spec, 'TABLE_NAME')};\n`;
  return generated(spec, facts, { script: sortViews, ask, name: 'views' });
}
