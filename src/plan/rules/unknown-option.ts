import { findSource } from '../../registry.ts';
import { nearest } from '../nearest.ts';
import { either, quoted } from '../wording.ts';
import type { Finding, Rule } from './rule.ts';

const spoken = { boolean: 'true or false', string: 'a text', number: 'a number' } as const;

export const unknownOption: Rule = {
  id: 'unknown-option',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups.flatMap((backup) => {
      const known = findSource(backup.source.type).options ?? {};
      const names = Object.keys(known);
      return Object.entries(backup.restore.options).flatMap(([name, value]): Finding[] => {
        const type = Object.hasOwn(known, name) ? known[name] : undefined;
        if (typeof value === type) return [];
        const common = { pointer: context.at(backup, 'restore', 'options', name), backups: [] };
        if (type) return [{ ...common, message: `${name} cannot be ${quoted(value)}`, expected: spoken[type] }];
        const suggestion = nearest(name, names);
        return [
          {
            ...common,
            key: true,
            message: `the restore of a ${backup.source.type} source has no option ${quoted(name)}`,
            ...(names.length > 0 && { expected: either(names) }),
            ...(suggestion && { suggestion }),
          },
        ];
      });
    }),
};
