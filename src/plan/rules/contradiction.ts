import { formatDuration, parseSize } from '../../units.ts';
import { childPointer } from '../position.ts';
import type { PlannedAssertion, ResolvedBackup } from '../resolved.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

export const contradiction: Rule = {
  id: 'contradiction',
  severity: 'error',
  waivable: false,
  check: (context) => [
    ...context.resolved.backups.flatMap((backup) => [
      ...ages(backup, context),
      ...bounds(backup, context),
      ...levels(backup, context),
    ]),
    ...quotas(context),
  ],
};

/** A warning that comes too late, or a part of nothing. */
function quotas(context: RuleContext): Finding[] {
  return Object.entries(context.effective.destinations).flatMap(([name, { quota }]): Finding[] => {
    const { warn, fail } = quota ?? {};
    if (warn === undefined) return [];
    const at = { pointer: quotaPointer(name, context), backups: [] };
    if (warn.endsWith('%')) {
      const message = `"${warn}" is a part of "fail", which the quota of "${name}" does not state`;
      return fail === undefined ? [{ ...at, message, expected: 'a size such as 800GiB' }] : [];
    }
    if (fail === undefined || parseSize(warn)! <= parseSize(fail)!) return [];
    return [{ ...at, message: `the quota of "${name}" warns only when it is used up`, expected: `at most ${fail}` }];
  });
}

/** A destination that is written inside a backup has no section of its own. */
function quotaPointer(name: string, context: RuleContext): string {
  if (context.plan.destinations?.[name]) return `${childPointer('/destinations', name)}/quota/warn`;
  const user = context.resolved.backups.find(({ destinations }) => destinations.some((use) => use.name === name));
  return context.at(user!, 'destinations');
}

function ages(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const gap = context.gap(backup);
  const { maxAge } = backup.expect;
  if (!gap || maxAge === undefined || maxAge >= gap.usual) return [];
  return [
    {
      pointer: context.at(backup, 'expect', 'max-age'),
      message: `backup "${backup.name}" may be ${formatDuration(maxAge)} old, but up to ${formatDuration(gap.usual)} lie between two runs`,
      expected: `more than ${formatDuration(gap.usual)}`,
      backups: [],
    },
  ];
}

/** Records say by its level that a check was made: of two of one level nobody could tell which. */
function levels(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const { name, verify } = backup;
  return verify.flatMap(({ level }, index): Finding[] => {
    if (verify.findIndex((other) => other.level === level) === index) return [];
    const message = `backup "${name}" is verified by "${level}" twice`;
    return [{ pointer: context.at(backup, 'verify', index), message, expected: 'each level once', backups: [] }];
  });
}

/** Bounds of which nothing can be within. */
function bounds(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const { minSize, maxSize, size, duration } = backup.expect;
  const at = (...keys: (string | number)[]) => context.at(backup, ...keys);
  const pairs: [string, number | undefined, number | undefined][] = [
    [at('expect', 'max-size'), minSize, maxSize],
    [at('expect', 'size', 'at-most'), size?.atLeast, size?.atMost],
    [at('expect', 'duration', 'at-most'), duration?.atLeast, duration?.atMost],
    ...backup.restore.assert.flatMap((assertion, index) => assertionPairs(assertion, at('restore', 'assert', index))),
    ...backup.verify.flatMap(({ assert }, index) =>
      assert.flatMap((assertion, item) => assertionPairs(assertion, at('verify', index, 'restore', 'assert', item))),
    ),
  ];
  return pairs
    .filter(([, least, most]) => least !== undefined && most !== undefined && least > most)
    .map(([pointer]) => ({ pointer, message: 'the upper bound is below the lower one', backups: [] }));
}

function assertionPairs(
  assertion: PlannedAssertion,
  pointer: string,
): [string, number | undefined, number | undefined][] {
  if ('file' in assertion) return [[`${pointer}/size/at-most`, assertion.size?.atLeast, assertion.size?.atMost]];
  if ('contents' in assertion) return [];
  return [[`${pointer}/at-most`, assertion.atLeast, assertion.atMost]];
}
