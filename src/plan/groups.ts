/** Consistency groups of a plan: who is made, restored and pruned together. */
import type { ResolvedBackup, ResolvedGroup, ResolvedPlan } from './resolved.ts';

type Groups = Pick<ResolvedPlan, 'groups' | 'backups'>;

/** The group of a backup, or null. */
export function groupOf({ groups }: Pick<ResolvedPlan, 'groups'>, backup: string): ResolvedGroup | null {
  return groups.find(({ members }) => members.includes(backup)) ?? null;
}

/** Whoever names one member names all. In the order of the plan; nothing named is nothing added. */
export function withMembers(plan: Groups, names: readonly string[]): string[] {
  const wanted = new Set(names.flatMap((name) => groupOf(plan, name)?.members ?? [name]));
  return plan.backups.map(({ name }) => name).filter((name) => wanted.has(name));
}

/** The backups in units that stay or go as a whole: the members of a group, or one alone. In the order of the plan. */
export function unitsOf(plan: Groups, backups: readonly ResolvedBackup[] = plan.backups): ResolvedBackup[][] {
  const units: ResolvedBackup[][] = [];
  for (const backup of backups) {
    const group = groupOf(plan, backup.name);
    const unit = group && units.find(([first]) => group.members.includes(first!.name));
    if (unit) unit.push(backup);
    else units.push([backup]);
  }
  return units;
}
