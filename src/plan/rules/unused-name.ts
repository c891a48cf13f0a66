import { childPointer } from '../position.ts';
import type { Rule } from './rule.ts';

export const unusedName: Rule = {
  id: 'unused-name',
  severity: 'warning',
  waivable: false,
  check: ({ unused }) =>
    unused.map(({ section, name }) => ({
      pointer: childPointer(`/${section}`, name),
      key: true,
      message: `nothing uses "${name}" of ${section}`,
      backups: [],
    })),
};
