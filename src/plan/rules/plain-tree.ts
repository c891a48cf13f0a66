import { findDestination, findSource } from '../../registry.ts';
import type { ResolvedBackup } from '../resolved.ts';
import { quoted } from '../wording.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

/** A destination that shows plain files, given what has none, or a folder that two backups would show themselves in. */
export const plainTree: Rule = {
  id: 'plain-tree',
  severity: 'error',
  waivable: false,
  check: (context) => {
    const shown: Shown[] = [];
    return context.resolved.backups.flatMap((backup) =>
      backup.destinations.flatMap(({ name }, index): Finding[] => {
        const { type, spec } = context.resolved.destinations[name]!;
        const kind = findDestination(type);
        if (!kind.plainTree) return [];
        const pointer = context.at(backup, 'destinations', index);
        const folder = kind.shows?.(spec, context.resolved.name, backup.name);
        const own = folder === undefined ? null : { backup: backup.name, place: context.describe(name), folder };
        const other = own && shown.find((one) => one.place === own.place && overlap(one.folder, own.folder));
        if (own) shown.push(own);
        return [...unfit(backup, type, context), ...(other ? [collision(own!, other, pointer)] : [])];
      }),
    );
  },
};

type Shown = { backup: string; place: string; folder: string };

function unfit(backup: ResolvedBackup, type: string, context: RuleContext): Finding[] {
  const files = findSource(backup.source.type).members === true;
  const message = `a ${type} destination holds plain files, and backup ${quoted(backup.name)} `;
  const findings: Finding[] = [];
  if (!files)
    findings.push({
      pointer: context.at(backup, 'source'),
      message: `${message}reads a ${backup.source.type} source, which has none`,
      expected: 'a source of type files',
      backups: [],
    });
  if (backup.transforms.length > 0)
    findings.push({
      pointer: context.at(backup, 'transforms'),
      message: `${message}changes them by ${backup.transforms.map((one) => one.type).join(', ')}`,
      expected: 'transforms: []',
      backups: [],
    });
  return findings;
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

function collision(own: Shown, other: Shown, pointer: string): Finding {
  const inside = own.folder === other.folder ? 'the same folder' : 'folders one in the other';
  return {
    pointer,
    message: `backups ${quoted(other.backup)} and ${quoted(own.backup)} show their files in ${inside} (${own.folder})`,
    expected: '{backup} in "path" of the destination',
    backups: [],
  };
}
