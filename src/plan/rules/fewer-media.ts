import type { Finding, Rule } from './rule.ts';

export const fewerMedia: Rule = {
  id: 'fewer-media',
  severity: 'error',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const promised = backup.objectives.media ?? 0;
      // As with copies: a destination that takes only some tiers does not hold the newest backup.
      const whole = backup.destinations.filter(({ tiers }) => !tiers);
      const media = new Set(whole.flatMap(({ name }) => context.resolved.destinations[name]?.medium ?? []));
      if (promised <= media.size) return [];
      const found = media.size === 0 ? 'none' : `${media.size} (${[...media].join(', ')})`;
      return [
        {
          pointer: context.at(backup, 'destinations'),
          key: true,
          message: `backup "${backup.name}" promises copies on ${promised} different media and has ${found}`,
          expected: 'destinations of other types, or with another "medium", that take every backup',
          backups: [backup.name],
        },
      ];
    }),
};
