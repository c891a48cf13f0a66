import type { Argument, Command } from '../command.ts';
import type { Action, CapturePart, Requirement, Scope, Task } from '../graph.ts';
import type { Facts } from '../kind.ts';
import { requiredLevels } from '../plan/levels.ts';
import type { ResolvedBackup, ResolvedDestination, ResolvedPlan } from '../plan/resolved.ts';
import { findSource, findTransform } from '../registry.ts';
import { type Chain, prioritized, prioritizedStage, recoveryLine, sealingChain } from './chain.ts';
import { directoryScope, leaseScope, secretsOf, stageCommands } from './common.ts';
import { type RunFacts, sourceFacts } from './facts.ts';
import { type PlannedPart, partsProblem, plannedParts } from './parts.ts';
import { placed, placeOf } from './place.ts';
import { questionsOf, snapshotsOf } from './snapshot.ts';

export type CaptureAction = Extract<Action, { do: 'capture' }>;

/** The one task that reads the source, part by part, and feeds every destination. */
export function compileCapture(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  facts: RunFacts,
  purpose: 'backup' | 'safety' = 'backup',
): { action: CaptureAction; snapshots: Scope[]; requirements: Requirement[] } {
  const known = sourceFacts(facts, backup);
  const { parts, problem } = plannedParts(backup.source, known);
  const snapshots = purpose === 'backup' ? snapshotsOf(backup, parts, known) : [];
  const chain = sealingChain(backup, facts, facts.inspections);
  const mac = plan.signing ? undefined : macOf(backup);
  const group = purpose === 'backup' ? plan.groups.find(({ members }) => members.includes(backup.name)) : undefined;
  const version = known.survey?.version;
  const action: CaptureAction = {
    do: 'capture',
    backup: backup.name,
    parts: parts.map((part, index) => compilePart(backup, part, chain, known, snapshots[index]?.moment)),
    branches: [
      {
        variant: 'main',
        stages: chain.stages.map((stage) => prioritizedStage(stage, backup.priority)),
        sinks: backup.destinations.map(({ name, tiers }) => ({
          destination: name,
          ...(tiers ? { tiers } : {}),
          retention: backup.retention[name] ?? null,
          ...dropAfterOf(plan.destinations[name]),
        })),
      },
    ],
    layout: backup.layout ?? null,
    tags: backup.tags,
    timezone: plan.timezone,
    require: backup.require,
    expect: purpose === 'safety' ? {} : backup.expect,
    manifest: {
      plan: { name: plan.name, digest: plan.digest },
      source: { type: backup.source.type, name: backup.source.name, ...(version === undefined ? {} : { version }) },
      ...(group ? { set: { name: group.name, members: group.members } } : {}),
      stages: chain.records,
      keys: chain.keys,
      required: requiredLevels(backup),
      purpose,
      ...(mac ? { mac } : {}),
    },
  };
  return {
    action,
    snapshots: snapshots.flatMap((snapshot) => (snapshot ? [snapshot.scope] : [])),
    requirements: [
      ...sourceProblems(facts, backup, partsProblem(backup.name, problem)),
      ...sourceRequirements(backup, known, facts),
      ...chain.requirements,
      ...priorityPrograms(backup),
    ],
  };
}

/** Why the source cannot be read; what follows from that is not told as well. */
function sourceProblems(facts: RunFacts, { name }: ResolvedBackup, otherwise: Requirement[]): Requirement[] {
  const problems = facts.sources?.[name]?.problems ?? [];
  return problems.length === 0 ? otherwise : problems.map((problem) => ({ need: 'fact', problem, backups: [name] }));
}

/** Nothing is looked for at a place that cannot be reached: that it cannot be is told already. */
function sourceRequirements({ name, source }: ResolvedBackup, known: Facts, facts: RunFacts): Requirement[] {
  const requirements = findSource(source.type).requirements(source.spec, known);
  const place = placeOf(source.place);
  const isLost = place !== null && (facts.sources?.[name]?.problems ?? []).length > 0;
  return placed(requirements, place).filter((one) => !isLost || !('place' in one || one.need === 'check'));
}

/** One artifact of the backup: what gives it, and how it is opened by hand. */
function compilePart(
  backup: ResolvedBackup,
  { name, purpose, source }: PlannedPart,
  chain: Chain,
  facts: Facts,
  moment: Argument | undefined,
): CapturePart {
  const kind = findSource(source.type);
  const ask = questionsOf(backup, { name, purpose, source }, facts, moment);
  const compresses = backup.transforms.some(({ type }) => findTransform(type).compresses);
  const captured = kind.capture(source.spec, compresses ? { ...facts, compressed: true } : facts, moment);
  const lower = (command: Command) => prioritized(command, backup.priority);
  const part: CapturePart = {
    name,
    purpose,
    prepare: captured.prepare.map(lower),
    ...(captured.learn ? { learn: captured.learn } : {}),
    produce: lower(captured.produce),
    ...(captured.counter ? { counter: lower(captured.counter) } : {}),
    ...(ask.length > 0 ? { ask } : {}),
    cleanup: captured.cleanup,
    plain: captured.plain,
    extension: kind.extension(source.spec) + chain.extension,
    recovery: [recoveryLine(backup, source)],
  };
  return placed(part, placeOf(backup.source.place));
}

/** The task around it, with its private directory and the moments that are held open for it. */
export function captureTask(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  wanted: { id: string; title: string; needs: Task['needs']; purpose: 'backup' | 'safety'; pinFor?: number },
  facts: RunFacts,
): { task: Task; scopes: Scope[]; snapshots: Scope[]; requirements: Requirement[] } {
  const { id, title, needs, purpose, pinFor } = wanted;
  const { action, snapshots, requirements } = compileCapture(plan, backup, facts, purpose);
  const scope = directoryScope(`work:${id}`);
  const task: Task = {
    id,
    title,
    host: 'local',
    within: [...backup.destinations.map(({ name }) => leaseScope(name)), scope.id, ...snapshots.map((one) => one.id)],
    needs,
    action: pinFor === undefined ? action : { ...action, pinFor },
    outputs: ['id', 'key', 'size', 'sha256', 'tier'],
    ...(backup.timeout === undefined ? {} : { timeout: backup.timeout }),
    backup: backup.name,
  };
  const secrets = secretsOf(
    [...captureCommands(action), ...heldCommands(snapshots)],
    `backup "${backup.name}" uses it`,
  );
  return { task, scopes: [scope, ...snapshots], snapshots, requirements: [...requirements, ...secrets] };
}

/** Every command of a capture. */
export function captureCommands({ parts, branches }: CaptureAction): Command[] {
  return [
    ...parts.flatMap(({ prepare, learn, produce, counter, ask, cleanup }) => [
      ...prepare,
      ...Object.values(learn ?? {}),
      produce,
      ...(counter ? [counter] : []),
      ...(ask ?? []).map(({ command }) => command),
      ...cleanup,
    ]),
    ...branches.flatMap(({ stages }) => stageCommands(stages)),
  ];
}

function heldCommands(scopes: Scope[]): Command[] {
  return scopes.flatMap(({ acquire }) => (acquire.do === 'hold' ? [acquire.held.command] : []));
}

function dropAfterOf(destination: ResolvedDestination | undefined): { dropAfter?: number } {
  return destination?.dropAfter === undefined ? {} : { dropAfter: destination.dropAfter };
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
