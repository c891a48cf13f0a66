import type { QuestionName } from '../../kind.ts';
import { findSource } from '../../registry.ts';
import { childPointer } from '../position.ts';
import type { PlannedAssertion, PlannedStep, ResolvedBackup } from '../resolved.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

const names: Record<QuestionName, string> = {
  sql: 'SQL',
  key: 'question about keys',
  collection: 'question about collections',
  contents: 'question about its whole contents',
};

/** What a step or an assertion asks of somebody who cannot answer. */
export const cannotAnswer: Rule = {
  id: 'cannot-answer',
  severity: 'error',
  waivable: false,
  check: (context) => [
    ...hookPointers(context.resolved.hooks, '/hooks').map((pointer) => noData(pointer, 'a hook of the whole plan')),
    ...context.resolved.tasks.flatMap(({ name, steps, hooks }) => {
      const at = childPointer('/tasks', name);
      return [...sqlIn(steps, `${at}/steps`), ...hookPointers(hooks, `${at}/hooks`)].map((pointer) =>
        noData(pointer, 'a task'),
      );
    }),
    ...context.resolved.backups.flatMap((backup) => [...unanswered(backup, context), ...unreachable(backup, context)]),
  ],
};

function noData(pointer: string, who: string): Finding {
  return { pointer, message: `${who} has no data to ask`, expected: 'sql in the hooks of a backup', backups: [] };
}

function unanswered(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const { type } = backup.source;
  const known = findSource(type).questions ?? [];
  return asking(backup, context).flatMap(({ question, pointer }) => {
    if (known.includes(question)) return [];
    return [{ pointer, message: `a ${type} source answers no ${names[question]}`, backups: [] }];
  });
}

function asking(backup: ResolvedBackup, context: RuleContext): { question: QuestionName; pointer: string }[] {
  const at = (...keys: (string | number)[]) => context.at(backup, ...keys);
  const { restore, hooks } = backup;
  const steps = [
    ...hookPointers(hooks, at('hooks')),
    ...sqlIn(restore.before, at('restore', 'before')),
    ...sqlIn(restore.after, at('restore', 'after')),
  ];
  const questions = Object.keys(names) as QuestionName[];
  const asserted = assertionsOf(backup, context).flatMap(({ assertion, pointer }) =>
    questions.flatMap((question) => (question in assertion ? [{ question, pointer: `${pointer}/${question}` }] : [])),
  );
  return [...steps.map((pointer) => ({ question: 'sql' as const, pointer })), ...asserted];
}

type Asserted = { assertion: PlannedAssertion; pointer: string; of: 'restore' | 'verify'; inContainer: boolean };

function assertionsOf(backup: ResolvedBackup, context: RuleContext): Asserted[] {
  const at = (...keys: (string | number)[]) => context.at(backup, ...keys);
  return [
    ...backup.restore.assert.map((assertion, index) => {
      const pointer = at('restore', 'assert', index);
      return { assertion, pointer, of: 'restore' as const, inContainer: false };
    }),
    ...backup.verify.flatMap(({ assert, into }, index) =>
      assert.map((assertion, item) => ({
        assertion,
        pointer: at('verify', index, 'restore', 'assert', item),
        of: 'verify' as const,
        inContainer: typeof into === 'object' && 'docker' in into,
      })),
    ),
  ];
}

/** Files of a restore that makes none, and programs that would have to reach into a container. */
function unreachable(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const { type, spec } = backup.source;
  const kind = findSource(type);
  const isDatabase = kind.restores(spec) === 'database';
  return assertionsOf(backup, context).flatMap(({ assertion, pointer, of, inContainer }) => {
    const name = 'file' in assertion ? 'file' : 'count' in assertion ? 'count' : null;
    if (name !== null && (isDatabase || (of === 'verify' && kind.scratch !== undefined)))
      return [
        { pointer: `${pointer}/${name}`, message: `what is restored of a ${type} source are no files`, backups: [] },
      ];
    if (!('command' in assertion) || !inContainer) return [];
    const message = 'a program here does not reach the throw-away server in the container';
    return [
      { pointer: `${pointer}/command`, message, expected: 'into: scratch, or a question to the data', backups: [] },
    ];
  });
}

const hookNames = { before: 'before', after: 'after', onFailure: 'on-failure', finally: 'finally' } as const;

function hookPointers(hooks: ResolvedBackup['hooks'], pointer: string): string[] {
  return Object.entries(hookNames).flatMap(([key, name]) =>
    sqlIn(hooks[key as keyof typeof hookNames] as PlannedStep[], `${pointer}/${name}`),
  );
}

function sqlIn(list: readonly object[], pointer: string): string[] {
  return list.flatMap((item, index) => ('sql' in item ? [`${pointer}/${index}/sql`] : []));
}
