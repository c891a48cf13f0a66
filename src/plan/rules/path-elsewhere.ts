import { paths } from '../generated/tables.ts';
import { isElsewhere } from '../paths.ts';
import { childPointer } from '../position.ts';
import type { ResolvedBackup } from '../resolved.ts';
import type { Finding, Rule, RuleContext } from './rule.ts';

export const pathElsewhere: Rule = {
  id: 'path-elsewhere',
  severity: 'error',
  waivable: false,
  check: (context) => {
    const named = new Map<string, Finding>();
    for (const backup of context.resolved.backups)
      for (const finding of findings(backup, context)) named.set(finding.pointer, finding);
    return [...named.values()];
  },
};

function findings(backup: ResolvedBackup, context: RuleContext): Finding[] {
  const { source } = backup;
  if (!isElsewhere(source.place)) return [];
  const root = source.name === null ? context.at(backup, 'source') : childPointer('/sources', source.name);
  return (paths[`source-${source.type}`] ?? [])
    .filter(({ at, base }) => at[0] !== 'run-in' && !(base && Object.hasOwn(source.spec, base)))
    .flatMap(({ at }) => written(source.spec, at, root))
    .filter(({ path }) => !path.startsWith('/'))
    .map(({ path, pointer }) => ({
      pointer,
      message: `"${path}" is a path where the source runs, and nothing tells where it begins there`,
      expected: 'a full path, from / on',
      backups: [],
    }));
}

/** Every text at a place of the spec; `*` stands for each entry of a list. */
function written(node: unknown, [key, ...rest]: string[], pointer: string): { path: string; pointer: string }[] {
  if (key === undefined) return typeof node === 'string' ? [{ path: node, pointer }] : [];
  if (key === '*')
    return Array.isArray(node) ? node.flatMap((item, index) => written(item, rest, childPointer(pointer, index))) : [];
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return [];
  return written((node as Record<string, unknown>)[key], rest, childPointer(pointer, key));
}
