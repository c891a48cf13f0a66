import type { Requirement } from '../graph.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { RunFacts } from './facts.ts';

/**
 * The folder of a plan that holds backups, but none of this plan's: another plan of the same name began it, most likely. A plan
 * whose backups were all renamed says by its `id` that the folder is its own.
 */
export function foreignShelves(plan: ResolvedPlan, facts: RunFacts): Requirement[] {
  if (plan.claimsId) return [];
  const own = new Set(plan.backups.map(({ name }) => name));
  return Object.entries(facts.shelves).flatMap(([destination, found]): Requirement[] => {
    if ('unknown' in found) return [];
    const names = [...new Set(found.shelf.entries.map(({ backup }) => backup))];
    if (names.length === 0 || names.some((name) => own.has(name))) return [];
    const listed = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
    const problem = `the folder ${plan.name}/ at "${destination}" holds backups of ${listed} and none of this plan's: it seems to belong to another plan of this name. Give this plan another name, or the destination another prefix; if it is this plan and its backups were renamed, write "id: ${plan.name}" into it`;
    return [{ need: 'fact', problem }];
  });
}
