import { childPointer } from '../position.ts';
import type { ResolvedBackup, ResolvedGroup } from '../resolved.ts';
import { quoted } from '../wording.ts';
import type { Finding, Rule } from './rule.ts';

/** What a set has in common, by the word of the plan. */
const shared = {
  destinations: ({ destinations }: ResolvedBackup) => destinations,
  retention: ({ retention }: ResolvedBackup) => retention,
};

export const groupMembers: Rule = {
  id: 'group-members',
  severity: 'error',
  waivable: false,
  check: ({ resolved, plan }) =>
    resolved.groups.flatMap((group, index) => {
      const written: readonly string[] = plan.groups?.[group.name]?.together ?? [];
      const pointerOf = (name: string) => `${childPointer('/groups', group.name)}/together/${written.indexOf(name)}`;
      return [
        ...elsewhere(group, resolved.groups.slice(0, index), pointerOf),
        ...unlike(group, resolved.backups, pointerOf),
      ];
    }),
};

/** A backup of two groups would be held still for one of them and read for the other. */
function elsewhere(group: ResolvedGroup, others: ResolvedGroup[], pointerOf: (name: string) => string): Finding[] {
  return group.members.flatMap((name): Finding[] => {
    const other = others.find(({ members }) => members.includes(name));
    if (!other) return [];
    const message = `backup ${quoted(name)} is in group ${quoted(other.name)} already`;
    return [{ pointer: pointerOf(name), message, expected: 'one group for each backup', backups: [] }];
  });
}

/** What is restored and pruned as a whole lies at the same places and stays for the same time. */
function unlike(group: ResolvedGroup, backups: ResolvedBackup[], pointerOf: (name: string) => string): Finding[] {
  const [first, ...rest] = backups.filter(({ name }) => group.members.includes(name));
  if (!first) return [];
  const different = rest.flatMap((member) =>
    Object.entries(shared).flatMap(([word, part]): Finding[] => {
      if (sorted(part(member)) === sorted(part(first))) return [];
      const message = `backup ${quoted(member.name)} has another ${word} than ${quoted(first.name)}, with which it is in group ${quoted(group.name)}`;
      return [
        { pointer: pointerOf(member.name), message, expected: `the same ${word} for all of a group`, backups: [] },
      ];
    }),
  );
  const late = rest.flatMap((member): Finding[] => {
    if (member.schedule === first.schedule) return [];
    const message = `backup ${quoted(member.name)} has another schedule than ${quoted(first.name)}: whenever one of group ${quoted(group.name)} is due, all are made`;
    return [{ pointer: pointerOf(member.name), message, backups: [], severity: 'warning' }];
  });
  return [...different, ...late];
}

/** As text, whatever the order of keys; destinations in any order. */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).toSorted().join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  return `{${Object.entries(value)
    .map(([key, part]) => `${key}:${sorted(part)}`)
    .toSorted()
    .join()}}`;
}
