import { quoted } from '../wording.ts';
import type { Rule } from './rule.ts';

export const scheduleNever: Rule = {
  id: 'schedule-never',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups
      .filter((backup) => backup.schedule !== undefined && context.gap(backup) === null)
      .map((backup) => ({
        pointer: context.at(backup, 'schedule'),
        message: `the schedule ${quoted(backup.schedule)} never comes`,
        expected: 'days that exist, and ranges that run upwards',
        backups: [],
      })),
};
