import { childPointer } from '../position.ts';
import { quoted } from '../wording.ts';
import type { Rule } from './rule.ts';

export const scheduleNever: Rule = {
  id: 'schedule-never',
  severity: 'error',
  waivable: false,
  check: (context) => {
    const { backups, tasks } = context.resolved;
    const all = [
      ...backups.map((backup) => ({ ...backup, pointer: context.at(backup, 'schedule') })),
      ...tasks.map((task) => ({ ...task, pointer: `${childPointer('/tasks', task.name)}/schedule` })),
    ];
    return all
      .filter((one) => one.schedule !== undefined && context.gap(one) === null)
      .map(({ schedule, pointer }) => ({
        pointer,
        message: `the schedule ${quoted(schedule)} never comes`,
        expected: 'days that exist, and ranges that run upwards',
        backups: [],
      }));
  },
};
