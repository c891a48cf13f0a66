/** What the command line says to the source's kind: `--option oplog-limit=1700000000:1`, over the plan's `restore: { options }`. */
import { refuse } from '../diagnostic.ts';
import { nearest } from '../plan/nearest.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';

/** The plan with these options in every backup of `names`. Throws RunnerError (exit 4) for one that its kind does not know. */
export function withOptions(plan: ResolvedPlan, names: readonly string[], given: readonly string[]): ResolvedPlan {
  if (given.length === 0) return plan;
  const backups = plan.backups.map((backup) => {
    if (!names.includes(backup.name)) return backup;
    const options = { ...backup.restore.options, ...Object.fromEntries(given.map((text) => parsed(text, backup))) };
    return { ...backup, restore: { ...backup.restore, options } };
  });
  return { ...plan, backups };
}

function parsed(text: string, { name, source: { type } }: ResolvedBackup): [string, unknown] {
  const [, key, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw refuse(`--option ${text} is not of the form NAME=VALUE`);
  const known = findSource(type).options ?? {};
  if (!Object.hasOwn(known, key)) {
    const near = nearest(key, Object.keys(known));
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    throw refuse(`"${name}" is of type ${type}, whose restore has no option ${key}${hint}`);
  }
  const isText = known[key] === 'string';
  const typed = isText ? value : known[key] === 'number' ? Number(value) : { true: true, false: false }[value];
  if (typed === undefined || Number.isNaN(typed))
    throw refuse(`--option ${text}: ${known[key] === 'number' ? 'a number' : 'true or false'} was expected`);
  return [key, typed];
}
