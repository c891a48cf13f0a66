import { type Diagnostic, ExitCode, type Place, RunnerError } from '../diagnostic.ts';
import type { Environment } from './interpolate.ts';
import { type Loaded, loadPlan } from './load.ts';
import { checkNames } from './names.ts';
import { shownPath } from './position.ts';
import { sortDiagnostics } from './print.ts';
import { resolvePlan } from './resolve.ts';
import type { ResolvedPlan } from './resolved.ts';
import { holdsSecret } from './rules/plain-secret.ts';
import { toDiagnostics, validatePlan } from './validate.ts';

const positionOf = (place?: Place) => (place ? `${place.file} ${place.line} ${place.column}` : '');

/** A line that may hold a secret is not repeated: what is printed at night is mailed and kept. */
function withoutSecret(diagnostic: Diagnostic): Diagnostic {
  const { place } = diagnostic;
  return place && holdsSecret(place.text) ? { ...diagnostic, place: { ...place, text: '' } } : diagnostic;
}

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
  // Where YAML itself is wrong, what the schema says of the same place follows from it.
  const atFault = new Set(loaded.diagnostics.map(({ place }) => positionOf(place)));
  const own = mistakes.filter(({ place }) => !atFault.has(positionOf(place)));
  const diagnostics = sortDiagnostics([...loaded.diagnostics, ...own, ...findings]).map(withoutSecret);
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
