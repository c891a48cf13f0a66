import type { Facts } from '../../kind.ts';
import { type Grant, may, readGrant } from './grants.ts';
import { seriesOf } from './programs.ts';
import { type MysqlSpec, named, type Surveyed, surveyed, wanted, wantsHashes } from './spec.ts';
import { account, grantScope, identifier } from './sql.ts';

const readAll = ({ grants }: Surveyed): Grant[] =>
  grants.flatMap((line) => {
    const grant = readGrant(line);
    return grant ? [grant] : [];
  });

/**
 * What the user lacks for these databases, a sentence each with what is to be typed. A user without a privilege on a whole database
 * does not see what he may not read, and the dump would lack it without a word: so nothing less will do.
 */
export function privilegeProblems(spec: MysqlSpec, databases: readonly string[], facts: Facts): string[] {
  const survey = surveyed(facts);
  if (!survey) return [];
  const grants = readAll(survey);
  const who = account(survey.account);
  const problems = databases.flatMap((database) => databaseProblems(spec, database, survey, grants));
  return [
    ...problems,
    ...unseenProblems(spec, grants, who),
    ...routineProblems(spec, databases, facts, grants),
    ...userProblems(spec, grants, who),
  ];
}

/**
 * A database on which a user has no privilege is in no list that the server gives him, and would be in no backup. A pattern is
 * asked for as if it were a name: only a privilege with as much of a wildcard covers it.
 */
function unseenProblems(spec: MysqlSpec, grants: readonly Grant[], who: string): string[] {
  const { database, part } = spec;
  if (part || database === undefined || Array.isArray(database) || named(spec) !== null) return [];
  const patterns = typeof database === 'string' ? ['*'] : database.matching;
  if (may(grants, 'SHOW DATABASES', null) || patterns.every((pattern) => may(grants, 'SELECT', pattern))) return [];
  return [
    `${who} does not see databases without a privilege on them, and the backup would lack them without a word: GRANT SHOW DATABASES ON *.* TO ${who}; or list the databases by name`,
  ];
}

function databaseProblems(spec: MysqlSpec, database: string, survey: Surveyed, grants: readonly Grant[]): string[] {
  const { triggers, events } = wanted(spec);
  const who = account(survey.account);
  const tables = (spec.tables ?? []).filter((table) => !may(grants, 'SELECT', database, table));
  const lacking = [
    ...(spec.tables === undefined && !may(grants, 'SELECT', database) ? ['SELECT'] : []),
    ...(triggers && !may(grants, 'TRIGGER', database) ? ['TRIGGER'] : []),
    ...(events && !may(grants, 'EVENT', database) ? ['EVENT'] : []),
  ];
  return [
    ...tables.map(
      (table) =>
        `${who} may not read the table "${table}" of "${database}": GRANT SELECT ON ${identifier(database)}.${identifier(table)} TO ${who};`,
    ),
    ...(lacking.length === 0
      ? []
      : [
          `${who} lacks ${lacking.join(', ')} on the whole database "${database}", and what a user may not see is left out of a dump without a word: GRANT ${lacking.join(', ')} ON ${grantScope(database)}.* TO ${who};`,
        ]),
  ];
}

/** Bodies of routines of others are shown to few; the dump of a user who does not see them holds none. */
function routineProblems(
  spec: MysqlSpec,
  databases: readonly string[],
  facts: Facts,
  grants: readonly Grant[],
): string[] {
  const survey = surveyed(facts)!;
  if (!wanted(spec).routines || databases.length === 0 || may(grants, 'SELECT', null)) return [];
  const who = account(survey.account);
  const without = 'or write `routines: false`';
  if (survey.flavour === 'mysql') {
    if (may(grants, 'SHOW_ROUTINE', null)) return [];
    return [
      `${who} may not see procedures and functions, and the dump would lack them without a word: GRANT SHOW_ROUTINE ON *.* TO ${who}; ${without}`,
    ];
  }
  const series = seriesOf(facts.survey?.version);
  const own = series !== null && (series.major > 11 || (series.major === 11 && series.minor >= 3));
  const blind = databases.filter(
    (database) => !may(grants, 'SELECT', 'mysql', 'proc') && !(own && may(grants, 'SHOW CREATE ROUTINE', database)),
  );
  return blind.length === 0
    ? []
    : [
        `${who} may not see procedures and functions, and the dump would lack them without a word: GRANT SELECT ON mysql.proc TO ${who}; ${without}`,
      ];
}

function userProblems(spec: MysqlSpec, grants: readonly Grant[], who: string): string[] {
  if (!spec.globals || may(grants, 'SELECT', 'mysql')) return [];
  const what = wantsHashes(spec) ? 'users and their password hashes' : 'users';
  return [`${who} may not read ${what}: GRANT SELECT ON mysql.* TO ${who}; or leave \`globals\` away`];
}

/** SHOW VIEW is needed only where there are views, which the server tells. */
export const lacksShowView = (databases: readonly string[], facts: Facts): string[] => {
  const survey = surveyed(facts);
  if (!survey) return [];
  const grants = readAll(survey);
  return databases.filter((database) => !may(grants, 'SHOW VIEW', database));
};

/** Whether the dump may write down where in the binary log it stands. MySQL takes a short global read lock for that. */
export function mayReadPosition(facts: Facts): boolean {
  const survey = surveyed(facts);
  if (survey?.variables.log_bin !== 'ON') return false;
  const grants = readAll(survey);
  const has = (...privileges: string[]) => privileges.some((privilege) => may(grants, privilege, null));
  if (survey.flavour === 'mariadb') return has('BINLOG MONITOR', 'REPLICATION CLIENT', 'SUPER');
  return has('REPLICATION CLIENT', 'SUPER') && has('RELOAD', 'FLUSH_TABLES');
}
