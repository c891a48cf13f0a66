import { layoutProblem } from '../../catalog/layout.ts';
import type { ResolvedBackup } from '../resolved.ts';
import type { Finding, Rule } from './rule.ts';

export const layoutCollision: Rule = {
  id: 'layout-collision',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups.flatMap((backup, index, backups): Finding[] => {
      if (backup.layout === undefined) return [];
      const common = { pointer: context.at(backup, 'layout'), backups: [] };
      const problem = layoutProblem(backup.layout);
      if (problem) return [{ ...common, message: `the layout of backup "${backup.name}": ${problem}` }];
      const other = backups.slice(0, index).find((candidate) => collides(candidate, backup));
      if (!other) return [];
      const message = `backups "${other.name}" and "${backup.name}" would write to the same names`;
      return [{ ...common, message, expected: '{id} or {backup} in the layout' }];
    }),
};

function collides(one: ResolvedBackup, other: ResolvedBackup): boolean {
  const places = new Set(one.destinations.map(({ name }) => name));
  return (
    one.layout === other.layout &&
    !/\{(?:id|backup)\}/.test(one.layout ?? '') &&
    other.destinations.some(({ name }) => places.has(name))
  );
}
