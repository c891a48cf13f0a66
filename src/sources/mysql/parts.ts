import type { Facts, Part } from '../../kind.ts';
import { isChosen } from '../database-choice.ts';
import { databaseOf, type MysqlSpec, named, surveyed, systemDatabases } from './spec.ts';

/** The databases that a spec means, sorted as the server lists them; null where only the server knows and it did not answer. */
export function databasesOf(spec: MysqlSpec, facts: Facts): string[] | null {
  const { database, part } = spec;
  if (part && 'users' in part) return [];
  const one = databaseOf(spec, facts);
  if (one !== null) return [one];
  if (Array.isArray(database)) return [...database];
  const survey = surveyed(facts);
  if (!survey) return null;
  if (database === undefined) return [];
  const own = survey.databases.map(({ name }) => name).filter((name) => !systemDatabases.includes(name.toLowerCase()));
  if (typeof database === 'string') return own;
  return own.filter((name) => isChosen(name, database));
}

function sought({ database }: MysqlSpec): string {
  if (typeof database !== 'object' || Array.isArray(database)) return 'which databases there are';
  const except = database.except ? ` and not ${database.except.join(', ')}` : '';
  return `which databases match ${database.matching.join(', ')}${except}`;
}

const dataPart = (spec: MysqlSpec, name: string): Part<MysqlSpec> => ({
  name,
  purpose: 'data',
  spec: { ...spec, part: { database: name } },
});

/** One artifact a database, and one for users where they are wanted. Null for a single one. */
export function partsOf(spec: MysqlSpec, facts: Facts): Part<MysqlSpec>[] | null {
  if (spec.part) return null;
  const single = named(spec) !== null || spec.database === undefined;
  if (single && !spec.globals) return null;
  const databases = databasesOf(spec, facts);
  if (databases === null) throw new Error(`${sought(spec)} cannot be known, since the server did not answer`);
  const users: Part<MysqlSpec>[] = spec.globals
    ? [{ name: 'globals', purpose: 'globals', spec: { ...spec, part: { users: true } } }]
    : [];
  return [...users, ...databases.map((name) => dataPart(spec, name))];
}

/** The spec of an artifact that a manifest names. */
export function partOf(spec: MysqlSpec, { name, purpose }: Pick<Part<MysqlSpec>, 'name' | 'purpose'>): MysqlSpec {
  return { ...spec, part: purpose === 'globals' ? { users: true } : { database: name } };
}
