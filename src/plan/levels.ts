import type { Level } from '../graph.ts';
import type { ResolvedBackup } from './resolved.ts';

/** Levels that every backup must pass to be good: those of `verify` that are due after each capture. */
export function requiredLevels(backup: ResolvedBackup): Level[] {
  return backup.verify.filter((check) => check.every === undefined).map((check) => check.level);
}
