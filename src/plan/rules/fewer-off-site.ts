import type { Finding, Rule } from './rule.ts';

export const fewerOffSite: Rule = {
  id: 'fewer-off-site',
  severity: 'error',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const promised = backup.objectives.offSite ?? 0;
      const kept = backup.destinations.filter(
        ({ name, tiers }) => !tiers && context.resolved.destinations[name]?.offSite,
      ).length;
      if (promised <= kept) return [];
      return [
        {
          pointer: context.at(backup, 'destinations'),
          key: true,
          message: `backup "${backup.name}" promises ${promised} off-site ${promised === 1 ? 'copy' : 'copies'} and has ${kept === 0 ? 'none' : kept}`,
          expected: 'destinations with "off-site: true" that take every backup',
          backups: [backup.name],
        },
      ];
    }),
};
