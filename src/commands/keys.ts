import { inspectionKey, type RunFacts } from '../compile/facts.ts';
import { type Diagnostic, ExitCode, RunnerError } from '../diagnostic.ts';
import type { Loaded } from '../plan/load.ts';
import { childPointer } from '../plan/position.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';

/**
 * Refuses (exit 4) a plan whose public keys cannot seal what is to be made: missing, expired, for signing only. `only`:
 * names of backups, none for all.
 */
export function refuseUnusableKeys(plan: ResolvedPlan, loaded: Loaded, facts: RunFacts, only: readonly string[]): void {
  const wanted = plan.backups.filter(({ name }) => only.length === 0 || only.includes(name));
  /** Each problem once, with the backups that have it: a key is mostly that of a transform which they share. */
  const found = new Map<string, Set<string>>();
  for (const { name, transforms } of wanted)
    for (const index of transforms.keys())
      for (const { message } of facts.inspections[inspectionKey(name, index)]?.problems ?? [])
        found.set(message, (found.get(message) ?? new Set()).add(name));
  const diagnostics = [...found].map(([message, names]): Diagnostic => {
    const [first, ...others] = names;
    const place = loaded.place(`${childPointer('/backups', first!)}/transforms`, true);
    const also = others.length === 0 ? '' : ` (so too for ${others.join(', ')})`;
    return { rule: 'key', severity: 'error', message: message + also, place };
  });
  if (diagnostics.length === 0) return;
  throw new RunnerError('a public key of the plan cannot be used; nothing was started', {
    exitCode: ExitCode.usage,
    diagnostics,
  });
}
