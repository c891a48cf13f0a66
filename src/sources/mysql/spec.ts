import type { Facts } from '../../kind.ts';
import type { SourceMariadb, SourceMysql } from '../../plan/generated/types.ts';

export type Flavour = 'mysql' | 'mariadb';

/**
 * A source as the plan writes it, or one artifact of it: `part` is never written in a plan. `damaged` databases are dumped before a
 * restore replaces them: what is broken in them is told, and does not stop the copy.
 */
export type MysqlSpec = (SourceMysql | SourceMariadb) & {
  part?: { database: string; damaged?: true } | { users: true };
};

/** What the survey read, in `facts.survey.data`. */
export type Surveyed = {
  flavour: Flavour;
  /** `backup@10.0.0.%` as the server matched it. */
  account: string;
  /** The database that the URL names; empty without one. */
  current: string;
  encrypted: boolean;
  variables: Readonly<Record<string, string>>;
  databases: readonly { name: string; collation: string }[];
  /** Lines of SHOW GRANTS. */
  grants: readonly string[];
};

export const surveyed = (facts: Facts): Surveyed | null => (facts.survey?.data as Surveyed | undefined) ?? null;

export const flavourOf = (spec: MysqlSpec, facts: Facts): Flavour => surveyed(facts)?.flavour ?? spec.type;

/** How the makers write their names. */
export const makers: Readonly<Record<Flavour, string>> = { mysql: 'MySQL', mariadb: 'MariaDB' };

/** Databases of the server itself: in no `all`, and matched by no pattern. */
export const systemDatabases: readonly string[] = ['information_schema', 'performance_schema', 'mysql', 'sys'];

/** The one database that a spec names; null for several, for users alone, or where only the URL names it. */
export function named({ part, database }: MysqlSpec): string | null {
  if (part) return 'database' in part ? part.database : null;
  return typeof database === 'string' && database !== 'all' ? database : null;
}

/** The same, also by the URL as the survey found it. */
export function databaseOf(spec: MysqlSpec, facts: Facts): string | null {
  if (spec.part || spec.database !== undefined) return named(spec);
  return surveyed(facts)?.current || null;
}

/** What of a database is dumped beside its tables. */
export function wanted(spec: MysqlSpec): { routines: boolean; events: boolean; triggers: boolean } {
  const whole = spec.tables === undefined;
  return {
    routines: spec.routines ?? whole,
    events: spec.events ?? whole,
    triggers: spec.triggers ?? true,
  };
}

export const wantsHashes = ({ globals }: MysqlSpec): boolean => typeof globals === 'object' && globals.passwords;
