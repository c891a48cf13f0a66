import { describe, expect, it } from 'vitest';
import { withOptions } from '../../src/commands/restore-options.ts';
import type { ResolvedPlan } from '../../src/plan/resolved.ts';

const backup = (name: string, type: string, options: Record<string, unknown> = {}) => ({
  name,
  source: { name: null, type, spec: {} },
  restore: { options },
});
const plan = {
  backups: [backup('cache', 'redis', { into: 'file', flush: true }), backup('orders', 'postgres')],
} as unknown as ResolvedPlan;
const optionsOf = (given: string[], name = 'cache') =>
  withOptions(plan, [name], given).backups.map(({ restore }) => restore.options);

describe('--option', () => {
  it('goes over what the plan says, with the type that the kind wants, and to nobody else', () => {
    expect(optionsOf(['into=keys', 'replace=true', 'pattern=cart:a=b*'])).toEqual([
      { into: 'keys', flush: true, replace: true, pattern: 'cart:a=b*' },
      {},
    ]);
    expect(optionsOf(['owner=false'], 'orders')).toEqual([{ into: 'file', flush: true }, { owner: false }]);
    expect(withOptions(plan, ['cache'], [])).toBe(plan);
  });

  it.each([
    ['into', '--option into is not of the form NAME=VALUE'],
    ['=keys', '--option =keys is not of the form NAME=VALUE'],
    ['patern=x', 'has no option patern; did you mean pattern?'],
    ['replace=yes', '--option replace=yes: true or false was expected'],
  ])('%s is a mistake of the command line', (given, sentence) => {
    expect(() => optionsOf([given])).toThrow(
      expect.objectContaining({ exitCode: 4, message: expect.stringContaining(sentence) }),
    );
  });
});
