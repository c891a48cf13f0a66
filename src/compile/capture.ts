import type { Action, Requirement } from '../graph.ts';
import { requiredLevels } from '../plan/levels.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource, findTransform } from '../registry.ts';
import { prioritized, prioritizedStage, recoveryLine, sealingChain } from './chain.ts';
import type { RunFacts } from './facts.ts';

export type CaptureAction = Extract<Action, { do: 'capture' }>;

/** The one task that reads the source and feeds every destination. */
export function compileCapture(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  facts: RunFacts,
  purpose: 'backup' | 'safety' = 'backup',
): { action: CaptureAction; requirements: Requirement[] } {
  const kind = findSource(backup.source.type);
  const captured = kind.capture(backup.source.spec, facts);
  const chain = sealingChain(backup, facts, facts.inspections);
  const lower = (command: (typeof captured.prepare)[number]) => prioritized(command, backup.priority);
  const mac = plan.signing ? undefined : macOf(backup);
  const action: CaptureAction = {
    do: 'capture',
    backup: backup.name,
    prepare: captured.prepare.map(lower),
    produce: lower(captured.produce),
    ...(captured.counter ? { counter: lower(captured.counter) } : {}),
    cleanup: captured.cleanup,
    plain: captured.plain,
    branches: [
      {
        variant: 'main',
        stages: chain.stages.map((stage) => prioritizedStage(stage, backup.priority)),
        sinks: backup.destinations.map(({ name, tiers }) => ({
          destination: name,
          ...(tiers ? { tiers } : {}),
          retention: backup.retention[name] ?? null,
        })),
      },
    ],
    extension: chain.extension,
    layout: backup.layout ?? null,
    tags: backup.tags,
    timezone: plan.timezone,
    require: backup.require,
    expect: purpose === 'safety' ? {} : backup.expect,
    manifest: {
      plan: { name: plan.name, digest: plan.digest },
      source: { type: backup.source.type, name: backup.source.name },
      stages: chain.records,
      keys: chain.keys,
      required: requiredLevels(backup),
      recovery: [recoveryLine(backup.source, chain.records)],
      purpose,
      ...(mac ? { mac } : {}),
    },
  };
  return {
    action,
    requirements: [...kind.requirements(backup.source.spec, facts), ...chain.requirements, ...priorityPrograms(backup)],
  };
}

function macOf(backup: ResolvedBackup): { secret: string; iterations: number } | undefined {
  for (const transform of backup.transforms) {
    const passphrase = findTransform(transform.type).passphrase?.(transform.spec);
    if (passphrase) return passphrase;
  }
  return undefined;
}

function priorityPrograms(backup: ResolvedBackup): Requirement[] {
  const why = `backup "${backup.name}" states a priority`;
  const { nice, io } = backup.priority ?? {};
  return [
    ...(nice === undefined ? [] : [{ need: 'program' as const, program: 'nice', why, hint: 'install coreutils' }]),
    ...(io === undefined || io === 'normal'
      ? []
      : [{ need: 'program' as const, program: 'ionice', why, hint: 'install util-linux' }]),
  ];
}
