import { findSource } from '../../registry.ts';
import type { ResolvedBackup } from '../resolved.ts';
import { either } from '../wording.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

/** Parts of `restore` that say nothing, by what a restore of the source produces. */
const idle = {
  none: ['to', 'overwrite', 'assert', 'safety'],
  file: ['overwrite'],
  directory: [],
  database: ['overwrite'],
} as const satisfies Record<string, readonly string[]>;

const reasons = {
  none: 'whose restore is a program',
  file: 'which is restored as one file',
  directory: 'which is restored into a folder',
  database: 'which is restored into a database',
} as const;

export const noEffect: Rule = {
  id: 'no-effect',
  severity: 'error',
  waivable: false,
  check: (context) =>
    context.resolved.backups.flatMap((backup) => [
      ...inFilters(backup, context),
      ...inRestore(backup, context),
      ...inVerify(backup, context),
    ]),
};

function shapeOf({ source, restore }: ResolvedBackup): 'directory' | 'file' | 'database' | 'none' {
  return findSource(source.type).restores(source.spec, restore.options);
}

function inRestore(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const shape = shapeOf(backup);
  const written = context.effective.backups[backup.name]?.restore ?? {};
  const why = reasons[shape];
  const server = findSource(backup.source.type).survey !== undefined;
  const keys = [...idle[shape], ...(server ? [] : ['as'])];
  return keys.flatMap((key): Finding[] => {
    const pointer = context.at(backup, 'restore', key);
    if (!Object.hasOwn(written, key) || pointer.startsWith('/defaults')) return [];
    const message = `"${key}" does nothing for a ${backup.source.type} source ${why}`;
    return [{ pointer, key: true, message, backups: [], severity: 'warning' }];
  });
}

function inVerify(backup: ResolvedBackup, context: RuleContext): Finding[] {
  // A kind with throw-away servers is verified there, however it is restored.
  if (shapeOf(backup) !== 'none' || findSource(backup.source.type).scratch) return [];
  return backup.verify.flatMap(({ assert }, index): Finding[] => {
    if (assert.length === 0) return [];
    const pointer = context.at(backup, 'verify', index, 'restore', 'assert');
    const message = `a ${backup.source.type} source whose restore is a program leaves nothing to assert on`;
    return [{ pointer, key: true, message, backups: [] }];
  });
}

/** A tier is only given where a retention of the backup keeps it: a filter for others lets nothing through. */
function inFilters(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const made = new Set(Object.values(backup.retention).flatMap((policy) => Object.keys(policy?.tiers ?? {})));
  return backup.destinations.flatMap(({ name, tiers }, index): Finding[] => {
    if (!tiers || tiers.some((tier) => made.has(tier))) return [];
    return [
      {
        pointer: context.at(backup, 'destinations', index, name, 'tiers'),
        message: `"${name}" takes only ${either(tiers)} backups, and the retention of backup "${backup.name}" makes none`,
        expected: `${either(tiers)} in its retention`,
        backups: [],
      },
    ];
  });
}
