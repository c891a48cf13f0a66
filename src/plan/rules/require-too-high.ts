import type { Rule } from './rule.ts';

export const requireTooHigh: Rule = {
  id: 'require-too-high',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups
      .filter(({ require, destinations }) => require > destinations.length)
      .map((backup) => ({
        pointer: context.at(backup, 'require'),
        message: `backup "${backup.name}" wants ${backup.require} copies and has ${backup.destinations.length} ${backup.destinations.length === 1 ? 'destination' : 'destinations'}`,
        expected: `at most ${backup.destinations.length}`,
        backups: [],
      })),
};
