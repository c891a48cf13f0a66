import type { RetentionPolicy, Tier } from '../../retention/policy.ts';
import { seconds } from '../../units.ts';
import type { Finding, Rule } from './rule.ts';

const hour = 3600;
const shortest: Record<Tier, number> = {
  hourly: hour,
  daily: 24 * hour,
  weekly: 7 * 24 * hour,
  monthly: 28 * 24 * hour,
  quarterly: 90 * 24 * hour,
  yearly: 365 * 24 * hour,
};

/** Whether nothing of the policy reaches back to the backup before the newest. */
function keepsNothing({ last, within, tiers, floor }: RetentionPolicy, gap: number): boolean {
  if (last !== undefined || floor > 1) return false;
  if (within !== undefined && seconds(within) >= gap) return false;
  return Object.entries(tiers).every(
    ([tier, rule]) => 'reach' in rule && seconds(rule.reach) < Math.max(gap, shortest[tier as Tier]),
  );
}

export const retentionKeepsNothing: Rule = {
  id: 'retention-keeps-nothing',
  severity: 'error',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const gap = context.gap(backup)?.usual ?? 0;
      const empty = Object.entries(backup.retention).filter(([, policy]) => policy && keepsNothing(policy, gap));
      return empty.slice(0, 1).map(([destination]) => ({
        pointer: context.at(backup, 'retention'),
        message: `the retention of backup "${backup.name}" keeps nothing at "${destination}" but the newest backup`,
        expected: 'a count, or a reach longer than the time between two runs',
        backups: [backup.name],
      }));
    }),
};
