import { findDestination } from '../../registry.ts';
import { longestReach } from '../../retention/reach.ts';
import { formatDuration } from '../../units.ts';
import type { Finding, Rule } from './rule.ts';

export const lockOutlivesRetention: Rule = {
  id: 'lock-outlives-retention',
  severity: 'warning',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const gap = context.gap(backup)?.usual ?? 0;
      return backup.destinations.flatMap(({ name }) => {
        const { type, spec } = context.resolved.destinations[name]!;
        const lock = findDestination(type).locks?.(spec) ?? null;
        const keeps = longestReach(backup.retention[name] ?? null, backup.tags, gap);
        if (typeof lock !== 'number' || keeps === null || lock <= keeps) return [];
        return [
          {
            pointer: context.at(backup, 'retention'),
            message: `"${name}" locks backups of "${backup.name}" for ${formatDuration(lock)}, and the retention keeps them for ${formatDuration(keeps)} at most`,
            expected: '`for: retention`, or a lock that is not longer',
            backups: [backup.name],
          },
        ];
      });
    }),
};
