import { type Diagnostic, ExitCode, RunnerError } from '../diagnostic.ts';
import type { Environment } from './interpolate.ts';
import { type Loaded, loadPlan } from './load.ts';
import { checkNames } from './names.ts';
import { shownPath } from './position.ts';
import { sortDiagnostics } from './print.ts';
import { resolvePlan } from './resolve.ts';
import type { ResolvedPlan } from './resolved.ts';
import { toDiagnostics, validatePlan } from './validate.ts';

/**
 * A plan from its file to its resolved form, in one call. `warnings` are what does not stop it: warnings and advice.
 * Throws a RunnerError (exit 4) that carries every problem, sorted by place, when there is an error among them.
 */
export async function readPlan(
  file: string,
  options: { environment: Environment },
): Promise<{ resolved: ResolvedPlan; loaded: Loaded; warnings: Diagnostic[] }> {
  const loaded = await loadPlan(file, options);
  const { plan, diagnostics: mistakes } = validatePlan(loaded);
  const { resolved, diagnostics: findings } = plan
    ? resolvePlan(plan, loaded)
    : { resolved: null, diagnostics: toDiagnostics('unknown-name', checkNames(loaded.value).problems, loaded) };
  const diagnostics = sortDiagnostics([...loaded.diagnostics, ...mistakes, ...findings]);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (!resolved || errors > 0) {
    const count = errors === 1 ? 'a mistake' : `${errors} mistakes`;
    throw new RunnerError(`${shownPath(loaded.file)} has ${count}; nothing was started`, {
      exitCode: ExitCode.usage,
      diagnostics,
    });
  }
  return { resolved, loaded, warnings: diagnostics };
}
