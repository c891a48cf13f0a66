import { findSource } from '../../registry.ts';
import type { PlannedStep, ResolvedBackup } from '../resolved.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

export const noSql: Rule = {
  id: 'no-sql',
  severity: 'error',
  waivable: false,
  check: (context) => [
    ...hookPointers(context.resolved.hooks, '/hooks').map(
      (pointer): Finding => ({
        pointer,
        message: 'a hook of the whole plan has no data to ask',
        expected: 'sql in the hooks of a backup',
        backups: [],
      }),
    ),
    ...context.resolved.backups.flatMap((backup) => backupFindings(backup, context)),
  ],
};

function backupFindings(backup: ResolvedBackup, context: RuleContext): Finding[] {
  if (findSource(backup.source.type).questions?.includes('sql')) return [];
  const at = (...keys: (string | number)[]) => context.at(backup, ...keys);
  const { restore, verify, hooks } = backup;
  const pointers = [
    ...hookPointers(hooks, at('hooks')),
    ...sqlIn(restore.before, at('restore', 'before')),
    ...sqlIn(restore.after, at('restore', 'after')),
    ...sqlIn(restore.assert, at('restore', 'assert')),
    ...verify.flatMap(({ assert }, index) => sqlIn(assert, at('verify', index, 'restore', 'assert'))),
  ];
  const message = `a ${backup.source.type} source answers no SQL`;
  return pointers.map((pointer) => ({ pointer, message, backups: [] }));
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
