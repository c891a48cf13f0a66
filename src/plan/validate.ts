import type { ErrorObject } from 'ajv';
import type { Diagnostic } from '../diagnostic.ts';
import { explain, isPolicy } from './explain.ts';
import type { Plan } from './generated/types.ts';
import { validators } from './generated/validators.js';
import type { Loaded } from './load.ts';
import { childPointer, pointerKeys } from './position.ts';
import { sortDiagnostics } from './print.ts';
import { type Problem, typeOf } from './wording.ts';

/**
 * Checks a plan against the schemas: the envelope, and each source, transform and destination by the schema of its
 * own kind. All problems at once, sorted by place; `plan` is null when there is one. Numbers and booleans that a
 * variable gave as a text are made what the schema wants.
 */
export function validatePlan(loaded: Loaded): { plan: Plan | null; diagnostics: Diagnostic[] } {
  if (loaded.value === undefined) return { plan: null, diagnostics: [] };
  const value = coerced(loaded);
  const problems = [...explain(value, 'plan', ''), ...retentionProblems(value)];
  const diagnostics = toDiagnostics('schema', withoutUnset(problems, value, loaded), loaded);
  return { plan: diagnostics.length === 0 ? (value as Plan) : null, diagnostics };
}

/** Problems as errors of one rule, each at its place, without duplicates. */
export function toDiagnostics(rule: string, problems: readonly Problem[], loaded: Loaded): Diagnostic[] {
  const seen = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  for (const { pointer, key, hideLine, ...problem } of problems) {
    const found = loaded.place(pointer, key === true);
    const place = hideLine ? { ...found, text: '' } : found;
    const identity = `${place.file} ${place.line} ${place.column} ${problem.message}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    diagnostics.push({ rule, severity: 'error', ...problem, place });
  }
  return sortDiagnostics(diagnostics);
}

/** `${N:-7}` is a text until the schema says what stands there. */
function coerced(loaded: Loaded): unknown {
  if (loaded.interpolated.size === 0) return loaded.value;
  const value = structuredClone(loaded.value);
  if (!validators.plan(value)) coerceWhere(validators.plan.errors ?? [], '', value, loaded);
  for (const { pointer, retention } of writtenRetentions(value)) {
    const validate = validators['retention-policy'];
    if (!validate(retention)) coerceWhere(validate.errors ?? [], pointer, value, loaded);
  }
  return value;
}

/** Texts that came from variables become the number or boolean that the errors say was wanted. */
function coerceWhere(errors: readonly ErrorObject[], base: string, value: unknown, { interpolated }: Loaded): void {
  for (const { keyword, params, instancePath, data } of errors) {
    const pointer = base + instancePath;
    if (keyword !== 'type' || typeof data !== 'string' || !interpolated.has(pointer)) continue;
    const wanted = [params.type].flat() as string[];
    if (wanted.includes('boolean') && /^(?:true|false)$/.test(data)) set(value, pointer, data === 'true');
    const isNumber = wanted.includes('number') || wanted.includes('integer');
    if (isNumber && /^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$/.test(data)) set(value, pointer, Number(data));
  }
}

function set(value: unknown, pointer: string, entry: unknown): void {
  const keys = pointerKeys(pointer);
  const last = keys.pop()!;
  const holder = keys.reduce((node, key) => (node as Record<string, unknown>)[key], value) as Record<string, unknown>;
  holder[last] = entry;
}

/** `{ dayly: 7d }` could be read as the retention "7d" of a destination "dayly": what a map is decides before it is read. */
function retentionProblems(value: unknown): Problem[] {
  return writtenRetentions(value).flatMap(({ pointer, retention }) => explain(retention, 'retention-policy', pointer));
}

/** Retentions that stand in the defaults or in a backup itself, not those by destination. */
function writtenRetentions(value: unknown): { pointer: string; retention: unknown }[] {
  if (typeOf(value) !== 'object') return [];
  const { defaults, backups } = value as Record<string, unknown>;
  const holders: [string, unknown][] = [['/defaults', defaults]];
  if (typeOf(backups) === 'object') {
    for (const [name, backup] of Object.entries(backups as object))
      holders.push([childPointer('/backups', name), backup]);
  }
  return holders.flatMap(([pointer, holder]) => {
    if (typeOf(holder) !== 'object') return [];
    const { retention } = holder as Record<string, unknown>;
    if (typeOf(retention) !== 'object' || !isPolicy(retention as Record<string, unknown>)) return [];
    return [{ pointer: `${pointer}/retention`, retention }];
  });
}

/** What stands where a variable was not set has been reported already. */
function withoutUnset(problems: Problem[], value: unknown, loaded: Loaded): Problem[] {
  if (!loaded.diagnostics.some(({ rule }) => rule === 'interpolation')) return problems;
  return problems.filter(({ pointer, key }) => {
    if (key) return true;
    let node: unknown = value;
    for (const name of pointerKeys(pointer)) node = (node as Record<string, unknown> | undefined)?.[name];
    return typeof node !== 'string' || !node.includes('${');
  });
}
