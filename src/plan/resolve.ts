import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Diagnostic } from '../diagnostic.ts';
import { checkRules } from './check.ts';
import { type EffectiveBackup, type EffectivePlan, effectivePlanOf } from './effective.ts';
import type { Destination, Group, Plan, Task as PlanTask } from './generated/types.ts';
import type { Loaded } from './load.ts';
import { checkNames, type NameCheck } from './names.ts';
import { childPointer } from './position.ts';
import type {
  ResolvedBackup,
  ResolvedDestination,
  ResolvedGroup,
  ResolvedPlan,
  ResolvedSource,
  ResolvedTask,
} from './resolved.ts';
import * as settle from './settle.ts';
import { toDiagnostics } from './validate.ts';

/**
 * Settles names, defaults, paths and units of a valid plan, then runs the named rules. `resolved` is null when a name
 * is unknown or a backup's parts do not fit together; the rules need a whole plan.
 */
export function resolvePlan(plan: Plan, loaded: Loaded): { resolved: ResolvedPlan | null; diagnostics: Diagnostic[] } {
  const { problems, used } = checkNames(plan);
  if (problems.length > 0) return { resolved: null, diagnostics: toDiagnostics('unknown-name', problems, loaded) };
  const { effective, written, problems: misfits } = effectivePlanOf(plan, loaded);
  if (misfits.length > 0) return { resolved: null, diagnostics: toDiagnostics('unknown-name', misfits, loaded) };
  const resolved = settlePlan(effective, loaded);
  const unused = unusedNames(plan, used, loaded);
  return { resolved, diagnostics: checkRules({ plan, effective, resolved, unused, written }, loaded) };
}

function settlePlan(effective: EffectivePlan, loaded: Loaded): ResolvedPlan {
  const {
    name,
    id,
    timezone,
    objectives,
    secrets = {},
    signing,
    destinations,
    hooks,
    backups,
    groups = {},
    tasks = {},
  } = effective;
  return {
    name,
    id: id ?? name,
    claimsId: id !== undefined,
    file: loaded.file,
    directory: dirname(loaded.file),
    digest: createHash('sha256').update(JSON.stringify(effective)).digest('hex'),
    timezone,
    objectives: settle.settleObjectives(objectives),
    secrets: mapValues(secrets, settle.settleSecret),
    ...(signing && { signing: { key: signing.key.secret, public: signing.public } }),
    destinations: mapValues(destinations, settleDestination),
    hooks: settle.settleHooks(hooks),
    backups: Object.entries(backups).map(([backup, value]) => settleBackup(backup, value, effective)),
    groups: Object.entries(groups).map(([group, value]) => settleGroup(group, value, Object.keys(backups))),
    tasks: Object.entries(tasks).map(([task, value]) => settleTask(task, value)),
    effective,
  };
}

function settleDestination(spec: Destination, name: string): ResolvedDestination {
  const minFree = 'min-free' in spec ? spec['min-free'] : undefined;
  return {
    name,
    type: spec.type,
    spec: { ...spec },
    offSite: spec['off-site'] ?? false,
    medium: spec.medium ?? spec.type,
    ...(spec.quota && { quota: settle.settleQuota(spec.quota) }),
    ...(spec.price !== undefined && { price: spec.price }),
    ...(minFree !== undefined && { minFree: settle.settleSize(minFree) }),
    ...(typeof spec.slow === 'object' && { dropAfter: settle.settleTimeout(spec.slow['drop-after']) }),
  };
}

function settleBackup(name: string, written: EffectiveBackup, effective: EffectivePlan): ResolvedBackup {
  const { schedule, layout, priority, timeout } = written;
  const destinations = written.destinations.map((use) => {
    if (typeof use === 'string') return { name: use };
    const [destination, { tiers }] = Object.entries(use)[0]!;
    return { name: destination, tiers: tiers as NonNullable<ResolvedBackup['destinations'][number]['tiers']> };
  });
  return {
    name,
    source: settleSource(written.source, effective),
    transforms: written.transforms.map((transform) => {
      const [type, spec] = Object.entries(transform)[0]!;
      return { name: null, type, spec };
    }),
    destinations,
    require: written.require,
    retention: mapValues(written.retention, (policy) => policy && settle.settlePolicy(policy)),
    ...(typeof schedule === 'string' && { schedule }),
    objectives: settle.settleObjectives(written.objectives),
    expect: settle.settleExpectation(written.expect),
    verify: (written.verify ?? []).map(settle.settleVerification),
    hooks: settle.settleHooks(written.hooks),
    restore: settle.settleRestore(written.restore, [...new Set(destinations.map((use) => use.name))]),
    allow: { ...written.allow },
    ...(layout !== undefined && { layout }),
    tags: written.tags ?? [],
    ...(priority && { priority }),
    ...(timeout !== undefined && { timeout: settle.settleTimeout(timeout) }),
  };
}

function settleGroup(name: string, { together, quiesce }: Group, order: string[]): ResolvedGroup {
  return {
    name,
    members: order.filter((backup) => together.includes(backup)),
    quiesce: quiesce ? settle.settleQuiesce(quiesce) : null,
  };
}

function settleTask(name: string, { schedule, steps, hooks }: PlanTask): ResolvedTask {
  return {
    name,
    ...(schedule !== undefined && { schedule }),
    steps: steps.map(settle.settleStep),
    hooks: settle.settleHooks(hooks),
  };
}

function settleSource(source: EffectiveBackup['source'], effective: EffectivePlan): ResolvedSource {
  const { 'run-in': place, ...spec } = typeof source === 'string' ? effective.sources![source]! : source;
  return {
    name: typeof source === 'string' ? source : null,
    type: spec.type,
    spec: { ...spec },
    ...(place && { place: settle.settlePlace(place) }),
  };
}

/** Names that the plan itself gives and nothing uses; a base is for several plans. */
function unusedNames(plan: Plan, used: NameCheck['used'], loaded: Loaded): { section: string; name: string }[] {
  return Object.entries(used).flatMap(([section, names]) =>
    Object.keys(plan[section as keyof NameCheck['used']] ?? {})
      .filter((name) => !names.has(name))
      .filter((name) => loaded.place(childPointer(`/${section}`, name), true).file === loaded.file)
      .map((name) => ({ section, name })),
  );
}

function mapValues<Value, Result>(
  values: Record<string, Value>,
  convert: (value: Value, key: string) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, convert(value, key)]));
}
