/** Retention of backups that belong together: a set stays or goes as a whole. */
import type { Decision, Reasons } from './decide.ts';
import type { Tier } from './policy.ts';

/** One member of a group with what its retention says; `setOf` tells which set one of its backups belongs to. */
export type MemberDecision = { backup: string; decision: Decision };

/**
 * What stays when no set is torn: a backup that its own retention would delete stays while its retention keeps another one of
 * the same set. Tiers are as they were. `setOf` gives equal texts for the backups of one set.
 */
export function together(members: readonly MemberDecision[], setOf: (id: string) => string): MemberDecision[] {
  const keeper = new Map<string, string>();
  for (const { decision } of members) for (const { id } of decision.keep) keeper.set(setOf(id), id);
  return members.map(({ backup, decision }) => {
    const saved = decision.delete.filter(({ id }) => keeper.has(setOf(id)));
    if (saved.length === 0) return { backup, decision };
    const because = ({ id }: Reasons) => ({
      id,
      reasons: [`it belongs to the set of ${keeper.get(setOf(id))!}, which stays`],
    });
    const keep = [...decision.keep, ...saved.map(because)].toSorted((left, right) => (left.id < right.id ? -1 : 1));
    const tiers = new Map<string, Tier[]>([...decision.tiers, ...saved.map(({ id }): [string, Tier[]] => [id, []])]);
    return { backup, decision: { keep, delete: decision.delete.filter(({ id }) => !keeper.has(setOf(id))), tiers } };
  });
}
