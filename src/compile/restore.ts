import type { Graph, Requirement, Scope, Task } from '../graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { compileAssertions } from './assertions.ts';
import { openingChain } from './chain.ts';
import { directoryScope, leaseScopes, preflightTask, secretsOf, stageCommands } from './common.ts';
import type { RunFacts } from './facts.ts';
import type { RestoreChoice, RestoreContext, RestorePart } from './restore-context.ts';
import { restoreSteps } from './restore-steps.ts';
import { seal } from './seal.ts';
import { swapping, taking } from './swap.ts';
import { recipeCommands } from './verify.ts';

const nothing: RestorePart = { tasks: [], scopes: [], requirements: [] };

/** `runner restore`: the artifact is proven whole, restored beside, asserted, and only then swapped in. */
export function compileRestore(plan: ResolvedPlan, facts: RunFacts, choice: RestoreChoice): Graph {
  const backup = plan.backups.find(({ name }) => name === choice.backup);
  if (!backup) throw new Error(`no backup "${choice.backup}" in the plan although it was chosen`);
  const context: RestoreContext = { plan, backup, choice, facts };
  const before = restoreSteps(context, 'before', [{ task: 'preflight', on: 'ok' }]);
  const taken = choice.target === null ? taking(context) : nothing;
  const opened = unpacking(context, [{ task: before.at(-1)?.id ?? 'preflight', on: 'ok' }], taken.scopes);
  const swapped = choice.target === null ? taken : swapping(context, choice.target, opened.tasks.at(-1)!.id);
  const parts = [opened, swapped];
  const stepSecrets = secretsOf(
    [...before, ...swapped.tasks].flatMap(({ action }) =>
      action.do === 'step' && action.step.step === 'run' ? [action.step.command] : [],
    ),
    'a restore step uses it',
  );
  const safetyPlaces = swapped.tasks.some(({ action }) => action.do === 'capture')
    ? backup.restore.safety.destinations
    : [];
  const preflight = preflightTask(plan, safetyPlaces, [
    ...parts.flatMap(({ requirements }) => requirements),
    ...stepSecrets,
  ]);
  return seal({
    format: 'runner/graph@1',
    plan: { name: plan.name, digest: plan.digest },
    command: 'restore',
    tasks: [preflight, ...before, ...parts.flatMap(({ tasks }) => tasks)],
    scopes: [...parts.flatMap(({ scopes }) => scopes), ...leaseScopes(safetyPlaces)],
    shelf: [],
  });
}

/** Proves the artifact, unpacks it beside the target (or into the program that takes it) and asserts the result. */
function unpacking(
  { plan, backup, choice, facts }: RestoreContext,
  needs: Task['needs'],
  stopped: Scope[],
): RestorePart {
  const kind = findSource(backup.source.type);
  const records = choice.manifest?.artifacts[0]?.stages ?? choice.records ?? [];
  const opening = openingChain(plan, backup, records, facts);
  const recipe = kind.restore(
    backup.source.spec,
    { path: choice.target === null ? '' : choice.beside },
    facts,
    backup.restore.options,
  );
  const work = directoryScope('work:restore');
  const within = choice.target === null ? [...stopped.map(({ id }) => id), work.id] : [work.id, 'beside'];
  const common = { host: 'local', outputs: [], backup: backup.name };
  const tasks: Task[] = [
    {
      id: 'admit',
      title: `check ${choice.id}`,
      within: [],
      needs,
      action: { do: 'admit', backup: backup.name, id: choice.id, from: choice.from },
      ...common,
    },
    {
      id: 'unpack',
      title: `restore ${choice.id}`,
      within,
      needs: [{ task: 'admit', on: 'ok' }],
      action: { do: 'unpack', backup: backup.name, id: choice.id, from: choice.from, decode: opening.stages, recipe },
      ...common,
    },
  ];
  if (choice.target !== null && backup.restore.assert.length > 0) {
    const assert = compileAssertions(backup.restore.assert, backup.source, choice.beside, facts);
    tasks.push({
      id: 'assert',
      title: `assert ${choice.id}`,
      within,
      needs: [{ task: 'unpack', on: 'ok' }],
      action: { do: 'assert', assert },
      ...common,
    });
  }
  const beside: Scope = {
    id: 'beside',
    host: 'local',
    acquire: { do: 'reserve', path: choice.beside },
    release: { do: 'discard', path: choice.beside, companions: [...(kind.companions ?? [])] },
    outputs: [],
  };
  return {
    tasks,
    scopes: choice.target === null ? [work] : [work, beside],
    requirements: [
      ...opening.requirements,
      ...restorePrograms(backup, facts),
      ...secretsOf([...stageCommands(opening.stages), ...recipeCommands(recipe)], 'the artifact is opened with it'),
    ],
  };
}

/** Programs of the source that a restore needs; its own data may be gone, so paths are no requirement here. */
function restorePrograms(backup: ResolvedBackup, facts: RunFacts): Requirement[] {
  return findSource(backup.source.type)
    .requirements(backup.source.spec, facts)
    .filter(({ need }) => need === 'program');
}
