import type { Finding, Rule } from './rule.ts';

export const duplicateKey: Rule = {
  id: 'duplicate-key',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups.flatMap((backup) => {
      const places = new Map<string, string>();
      return backup.destinations.flatMap(({ name }, index): Finding[] => {
        const place = context.describe(name);
        const before = places.get(place);
        places.set(place, name);
        if (before === undefined) return [];
        const twice = before === name ? `"${name}" twice` : `"${before}" and "${name}", which are the same place`;
        return [
          {
            pointer: context.at(backup, 'destinations', index),
            message: `backup "${backup.name}" goes to ${twice}`,
            expected: 'each place once',
            backups: [],
          },
        ];
      });
    }),
};
