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
  const diagnostics = wanted.flatMap(({ name, transforms }) =>
    transforms.flatMap((_, index): Diagnostic[] => {
      const problems = facts.inspections[inspectionKey(name, index)]?.problems ?? [];
      const place = loaded.place(`${childPointer('/backups', name)}/transforms`, true);
      return problems.map(({ message }) => ({ rule: 'key', severity: 'error', message, place }));
    }),
  );
  if (diagnostics.length === 0) return;
  throw new RunnerError('a public key of the plan cannot be used; nothing was started', {
    exitCode: ExitCode.usage,
    diagnostics,
  });
}
