import type { Action, Requirement, Scope, Task } from '../graph.ts';
import { requiredLevels } from '../plan/levels.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource, findTransform } from '../registry.ts';
import { prioritized, prioritizedStage, recoveryLine, sealingChain } from './chain.ts';
import { directoryScope, leaseScope, secretsOf, stageCommands } from './common.ts';
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
      recovery: [recoveryLine(backup)],
      purpose,
      ...(mac ? { mac } : {}),
    },
  };
  return {
    action,
    requirements: [...kind.requirements(backup.source.spec, facts), ...chain.requirements, ...priorityPrograms(backup)],
  };
}

/** The task around it, with its private directory. */
export function captureTask(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  wanted: { id: string; title: string; needs: Task['needs']; purpose: 'backup' | 'safety'; pinFor?: number },
  facts: RunFacts,
): { task: Task; scopes: Scope[]; requirements: Requirement[] } {
  const { id, title, needs, purpose, pinFor } = wanted;
  const { action, requirements } = compileCapture(plan, backup, facts, purpose);
  const scope = directoryScope(`work:${id}`);
  const stages = action.branches.flatMap((branch) => stageCommands(branch.stages));
  const commands = [...action.prepare, action.produce, ...action.cleanup, ...stages];
  const task: Task = {
    id,
    title,
    host: 'local',
    within: [...backup.destinations.map(({ name }) => leaseScope(name)), scope.id],
    needs,
    action: pinFor === undefined ? action : { ...action, pinFor },
    outputs: ['id', 'key', 'size', 'sha256', 'tier'],
    ...(backup.timeout === undefined ? {} : { timeout: backup.timeout }),
    backup: backup.name,
  };
  const secrets = secretsOf(commands, `backup "${backup.name}" uses it`);
  return { task, scopes: [scope], requirements: [...requirements, ...secrets] };
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
