import type { Rule } from './rule.ts';

export const noRestoreTest: Rule = {
  id: 'no-restore-test',
  severity: 'advice',
  waivable: true,
  check: (context) =>
    context.resolved.backups
      .filter(({ verify }) => !verify.some(({ level }) => level === 'restore'))
      .map((backup) => ({
        pointer: context.at(backup),
        key: true,
        message: `backup "${backup.name}" is never restored to prove that it can be`,
        expected: 'verify: [{ restore: { every: 7d } }]',
        backups: [backup.name],
      })),
};
