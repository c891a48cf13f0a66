import type { Finding, Rule } from './rule.ts';

export const fewerCopies: Rule = {
  id: 'fewer-copies',
  severity: 'error',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const { copies } = backup.objectives;
      // A destination that takes only some tiers does not hold the newest backup.
      const kept = backup.destinations.filter(({ tiers }) => !tiers).length;
      if (copies === undefined || copies <= kept + 1) return [];
      return [
        {
          pointer: context.at(backup, 'destinations'),
          key: true,
          message: `backup "${backup.name}" promises ${copies} copies, but there are ${kept + 1} with the live data`,
          expected: `${copies - 1} destinations that take every backup`,
          backups: [backup.name],
        },
      ];
    }),
};
