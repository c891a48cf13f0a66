import { formatDuration, seconds } from '../../units.ts';
import type { Finding, Rule } from './rule.ts';

export const rpoUnreachable: Rule = {
  id: 'rpo-unreachable',
  severity: 'error',
  waivable: true,
  check: (context) =>
    context.resolved.backups.flatMap((backup): Finding[] => {
      const gap = context.gap(backup);
      if (!gap || !backup.objectives.rpo) return [];
      const rpo = seconds(backup.objectives.rpo);
      const common = { pointer: context.at(backup, 'schedule'), backups: [backup.name] };
      const promised = `backup "${backup.name}" promises an RPO of ${formatDuration(rpo)}`;
      if (gap.usual > rpo) {
        return [{ ...common, message: `${promised}, but up to ${formatDuration(gap.usual)} lie between two runs` }];
      }
      const worst = gap.worst();
      if (worst <= rpo) return [];
      const message = `${promised}; when the clocks change, ${formatDuration(worst)} lie between two runs`;
      return [{ ...common, message, severity: 'advice' }];
    }),
};
