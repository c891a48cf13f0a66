import { findSource } from '../../registry.ts';
import type { Finding, Rule } from './rule.ts';

/** A verification in a container or at a server, of a kind that needs no server. */
export const noScratch: Rule = {
  id: 'no-scratch',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups.flatMap((backup) => {
      const { type } = backup.source;
      if (findSource(type).scratch) return [];
      return backup.verify.flatMap(({ into }, index): Finding[] => {
        if (into === undefined || into === 'scratch') return [];
        return [
          {
            pointer: context.at(backup, 'verify', index, 'restore', 'into'),
            message: `a ${type} source is restored into a private folder, without a server`,
            expected: 'no into',
            backups: [],
          },
        ];
      });
    }),
};
