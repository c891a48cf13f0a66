import type { Backup, Defaults, Plan } from './generated/types.ts';
import { childPointer } from './position.ts';
import { typeOf } from './wording.ts';

/** What a backup says, with the defaults, and where each part of it is written. */
export type MergedBackup = {
  name: string;
  value: Backup;
  /** JSON pointer of a part: below the backup, or below `defaults` when the backup does not say it. */
  at(...keys: (string | number)[]): string;
};

/** Maps that are merged key by key; everything else that a backup says replaces the default whole. */
const merged = new Set(['expect', 'restore', 'priority', 'safety', 'options', 'size', 'duration']);

/** The backups of a plan, each with the defaults that it does not overrule. `null` means: not even the default. */
export function mergedBackups(plan: Plan): MergedBackup[] {
  const defaults: Defaults = plan.defaults ?? {};
  return Object.entries(plan.backups).map(([name, backup]) => ({
    name,
    value: withoutNulls(mergeMaps(defaults as Data, backup as unknown as Data)) as unknown as Backup,
    at: (...keys) => {
      const own = keys.length === 0 || has(backup, keys) || !has(defaults, keys);
      return keys.reduce<string>(childPointer, own ? childPointer('/backups', name) : '/defaults');
    },
  }));
}

type Data = Record<string, unknown>;

function mergeMaps(base: Data, over: Data): Data {
  const result: Data = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    const isMerged = merged.has(key) && typeOf(below) === 'object' && typeOf(value) === 'object';
    result[key] = isMerged ? mergeMaps(below as Data, value as Data) : value;
  }
  return result;
}

function withoutNulls(value: Data): Data {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== null));
}

function has(value: unknown, keys: (string | number)[]): boolean {
  let node = value;
  for (const key of keys) {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return false;
    node = (node as Record<string | number, unknown>)[key];
  }
  return true;
}
