import type { Finding, Rule } from './rule.ts';

export const defeatsDeduplication: Rule = {
  id: 'defeats-deduplication',
  severity: 'advice',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const scrambling = backup.transforms.filter(({ type }) => context.encrypts(type) || context.compresses(type));
      if (scrambling.length === 0) return [];
      const types = [...new Set(scrambling.map(({ type }) => type))].join(', ');
      return backup.destinations.flatMap(({ name }, index): Finding[] => {
        if (!context.deduplicates(name)) return [];
        return [
          {
            pointer: context.at(backup, 'destinations', index),
            message: `backup "${backup.name}" goes through ${types}, so "${name}" stores each one in full instead of what has changed`,
            expected: 'no transforms: that destination compresses and encrypts by itself',
            backups: [backup.name],
          },
        ];
      });
    }),
};
