import { findDestination } from '../../registry.ts';
import type { RetentionPolicy } from '../../retention/policy.ts';
import type { Finding, Rule } from './rule.ts';

/** Counts end when newer ones come, and what is kept for ever has no end: neither is a date that a lock could have. */
const givesDate = (policy: RetentionPolicy | null): boolean =>
  policy !== null &&
  (policy.within !== undefined || Object.values(policy.tiers).some((rule) => rule !== undefined && 'reach' in rule));

export const lockWithoutDate: Rule = {
  id: 'lock-without-date',
  severity: 'warning',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] =>
      backup.destinations.flatMap(({ name }) => {
        const { type, spec } = context.resolved.destinations[name]!;
        const policy = backup.retention[name] ?? null;
        if (findDestination(type).locks?.(spec) !== 'retention' || givesDate(policy)) return [];
        const why = policy === null ? 'keeps them for ever' : 'counts them, and says no time';
        return [
          {
            pointer: context.at(backup, 'retention'),
            message: `"${name}" locks no backup of "${backup.name}": it locks them for as long as the retention says, and that ${why}`,
            expected: 'a retention with a time (daily: 30d), or a lock with one (for: 30d)',
            backups: [backup.name],
          },
        ];
      }),
    ),
};
