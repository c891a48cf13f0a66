import type { Finding, Rule } from './rule.ts';

export const unencryptedCopy: Rule = {
  id: 'unencrypted-copy',
  severity: 'error',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      if (backup.transforms.some(({ type }) => context.encrypts(type))) return [];
      return backup.destinations.flatMap(({ name }, index): Finding[] => {
        if (!context.resolved.destinations[name]?.offSite || context.seals(name)) return [];
        return [
          {
            pointer: context.at(backup, 'destinations', index),
            message: `backup "${backup.name}" leaves the machine for "${name}" unencrypted`,
            expected: 'aes, gpg or age in "transforms"',
            backups: [backup.name],
          },
        ];
      });
    }),
};
