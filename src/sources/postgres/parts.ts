import type { Facts, Part } from '../../kind.ts';
import { matchesGlob } from './patterns.ts';
import { databaseOf, found, type Spec } from './spec.ts';

/** How the part with roles and tablespaces is called. */
const globalsName = 'globals';

/** The spec of one part. What is left out concerns the others. */
export function part({ globals, ...spec }: Spec, { name, purpose }: Pick<Part<Spec>, 'name' | 'purpose'>): Spec {
  if (purpose === 'globals') return { ...spec, ...(globals ? { globals } : {}), only: 'globals' };
  return { ...spec, database: name, only: 'data' };
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
  const patterns = database as { matching: string[]; except?: string[] } | string;
  return names
    .map(({ datname }) => datname)
    .filter((name) => typeof patterns === 'string' || matchesGlob(name, patterns.matching))
    .filter((name) => typeof patterns === 'string' || !matchesGlob(name, patterns.except ?? []));
}
