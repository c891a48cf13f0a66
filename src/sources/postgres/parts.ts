import type { Facts, Part } from '../../kind.ts';
import { isChosen } from '../database-choice.ts';
import { databaseOf, found, maintenanceOf, type Spec } from './spec.ts';

/** How the part with roles and tablespaces is called. */
const globalsName = 'globals';

/** The spec of one part. What is left out concerns the others. */
export function part({ globals, ...spec }: Spec, { name, purpose }: Pick<Part<Spec>, 'name' | 'purpose'>): Spec {
  if (purpose === 'globals') return { ...spec, ...(globals ? { globals } : {}), only: 'globals' };
  // Nobody may be connected to a database whose name changes: where the one for the server is among them, another is taken.
  const aside = chosen(spec, maintenanceOf(spec)) ? { 'maintenance-database': 'template1' } : {};
  return { ...spec, ...aside, database: name, only: 'data' };
}

/** Whether a plan that names several databases means this one, when it is there. */
function chosen({ database }: Spec, name: string): boolean {
  if (database === undefined || typeof database === 'string') return database === 'all' || database === name;
  if (Array.isArray(database)) return database.includes(name);
  return isChosen(name, database);
}

/** One for each database, and one for the globals; null where there is only one to be made. */
export function parts(spec: Spec, facts: Facts): Part<Spec>[] | null {
  if (spec.only) return null;
  const single = databaseOf(spec) !== null || spec.database === undefined;
  if (single && !spec.globals) return null;
  const names = namesOf(spec, facts).map((name) => ({ name, purpose: 'data' as const }));
  const all = [...names, ...(spec.globals ? [{ name: globalsName, purpose: 'globals' as const }] : [])];
  return all.map((one) => ({ ...one, spec: part(spec, one) }));
}

/** Names of the databases to be dumped. Throws a sentence where only the server knows them and it did not answer. */
export function namesOf(spec: Spec, facts: Facts): string[] {
  const { database } = spec;
  const one = databaseOf(spec);
  if (one !== null) return [one];
  if (Array.isArray(database)) return [...database];
  const answer = found(facts);
  if (!answer) throw new Error('its databases cannot be listed, because the server did not answer');
  if (database === undefined) return [answer.database];
  const names = answer.databases.filter(({ datallowconn, datname }) => datallowconn && datname !== 'template1');
  return names.map(({ datname }) => datname).filter((name) => chosen(spec, name));
}
