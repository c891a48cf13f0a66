import { answersOf } from '../catalog/artifacts.ts';
import type { Manifest } from '../catalog/format.ts';
import type { Argument } from '../command.ts';
import type { Graph, Level, PartId, Requirement, Scope, ScopeId, StageRecord, Task, VerifyPart } from '../graph.ts';
import type { Facts, Made, Question } from '../kind.ts';
import type { Configured, PlannedVerification, ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import type { Recipe } from '../recipe.ts';
import { findSource } from '../registry.ts';
import { askKind } from './ask.ts';
import { compileAssertions, questionName } from './assertions.ts';
import { openingChain } from './chain.ts';
import { directoryScope, preflightTask, secretsOf, stageCommands } from './common.ts';
import { openingFacts, type RunFacts, sourceFacts } from './facts.ts';
import { partsOf } from './parts.ts';
import { recipeCommands } from './rewrite.ts';
import { containerScope, isConfined, isContainer, scratchUser, throwaway } from './scratch.ts';
import { seal } from './seal.ts';
import { askLive } from './steps.ts';

/**
 * One backup to be verified: its manifest says how it was made, `destinations` where copies lie, the best first. Null: all
 * manifests are damaged, so that nothing can be opened and the checksum says so.
 */
export type Choice = { backup: string; id: string; manifest: Manifest | null; destinations: string[] };

/**
 * One artifact that is checked: its spec, how it was made and how it was sealed. `answers`: what its manifest keeps of the source;
 * null where that is yet to be written.
 */
export type CheckPart = PartId & {
  source: Configured;
  made: Made;
  records: StageRecord[];
  answers: Readonly<Record<string, string>> | null;
};

type Check = {
  id: string;
  title: string;
  backup: ResolvedBackup;
  artifact: Argument;
  parts: CheckPart[];
  destinations: string[];
  check: PlannedVerification;
};

/** The check of one level, with the private directory and the container in which it works. */
export function verifyTask(
  plan: ResolvedPlan,
  check: Check,
  needs: Task['needs'],
  facts: RunFacts,
): { task: Task; scopes: Scope[]; requirements: Requirement[] } {
  const { backup } = check;
  const { level, every, at, into = 'scratch' } = check.check;
  const container: ScopeId = `container:${check.id}:${level}`;
  const opened =
    level === 'checksum' ? [] : check.parts.map((_, index) => openPart(plan, check, index, container, facts));
  const isThrowaway = opened.some(({ throwaway: isOne }) => isOne);
  const directory = directoryScope(
    `scratch:${check.id}:${level}`,
    isThrowaway && isConfined(into, facts) ? scratchUser : undefined,
  );
  // What programs kept in the container is removed while it is still there.
  const scopes = [...(isThrowaway && isContainer(into) ? [containerScope(container, into.docker)] : []), directory];
  const parts = opened.map(({ part }) => part);
  const task: Task = {
    id: `verify:${check.id}:${level}`,
    title: check.title,
    host: 'local',
    within: scopes.map(({ id }) => id),
    needs,
    action: {
      do: 'verify',
      level,
      backup: backup.name,
      id: check.artifact,
      destinations: at ? [at] : check.destinations,
      parts,
      ...(every === undefined ? {} : { every }),
    },
    outputs: [],
    backup: backup.name,
  };
  const commands = parts.flatMap(({ decode, recipe, assert }) => [
    ...stageCommands(decode),
    ...recipeCommands(recipe),
    ...assert.flatMap((assertion) => ('command' in assertion ? [assertion.command] : [])),
  ]);
  return {
    task,
    scopes,
    requirements: [
      ...opened.flatMap(({ requirements }) => requirements),
      ...secretsOf(commands, `backup "${backup.name}" is verified`),
    ],
  };
}

type Opening = { part: VerifyPart; requirements: Requirement[]; throwaway: boolean };

/** How one artifact is opened for this check, or why nothing here can. */
function openPart(plan: ResolvedPlan, check: Check, index: number, container: ScopeId, facts: RunFacts): Opening {
  const { backup, parts, check: planned } = check;
  const { name, purpose, source, made, records, answers } = parts[index]!;
  const known = openingFacts(facts, made);
  const { stages, requirements } = openingChain(plan, backup, records, known);
  const opening = { name, purpose, decode: stages };
  const kind = findSource(source.type);
  // Questions are asked of data; roles and the like have none.
  const asserted = planned.level === 'restore' && purpose === 'data' ? planned.assert : [];
  // What has no answer kept is asked of the live source now, as far as that can be compared.
  const live = (question: Question) =>
    answers === null || Object.hasOwn(answers, questionName(question))
      ? null
      : askLive(backup, source, question, facts);
  if (planned.level === 'restore' && kind.scratch) {
    const folder = parts.length > 1 ? `part-${index + 1}` : null;
    const { into = 'scratch' } = planned;
    const scratch = throwaway({ source, into, made, folder, container }, facts);
    if ('missing' in scratch) {
      const { missing } = scratch;
      return { part: { ...opening, recipe: null, assert: [], missing }, requirements, throwaway: false };
    }
    const { recipe, target, ask } = scratch;
    const socket = target.server?.at === 'socket' ? { RUNNER_SOCKET: target.server.directory } : {};
    const assert = compileAssertions(asserted, { source, target: target.path, ask, environment: socket, live });
    return { part: { ...opening, recipe, assert }, requirements, throwaway: true };
  }
  const target = { work: 'restored' };
  const ask = (question: Question) => askKind(source, question, { path: target }, known);
  const assert = compileAssertions(asserted, { source, target, ask, live });
  return {
    part: { ...opening, recipe: recipeFor(planned.level, source, known), assert },
    requirements,
    throwaway: false,
  };
}

function recipeFor(level: Level, { type, spec }: Configured, facts: Facts): Recipe {
  const kind = findSource(type);
  return level === 'content' || kind.restores(spec) === 'none'
    ? kind.content(spec, facts)
    : kind.restore(spec, { path: { work: 'restored' } }, facts);
}

/** The checks that `runner verify` makes of a backup: its plan's, or one level, each now whether due or not. */
function checksFor(backup: ResolvedBackup, level: Level | undefined): PlannedVerification[] {
  const planned = (wanted: Level): PlannedVerification => {
    const { every: _every, ...rest } = backup.verify.find((check) => check.level === wanted) ?? {
      level: wanted,
      assert: [],
    };
    return rest;
  };
  const levels = level ? [level] : [...new Set<Level>(['checksum', ...backup.verify.map((check) => check.level)])];
  return levels.map(planned);
}

/** None where a kind cannot tell how a part was made that it once made: then the check proves nothing and says so. */
function manifestParts(manifest: Manifest, backup: ResolvedBackup, facts: RunFacts): CheckPart[] {
  try {
    return partsOf(manifest, backup.source, sourceFacts(facts, backup)).map(({ artifact, ...part }) => ({
      ...part,
      records: artifact.stages,
      answers: answersOf(manifest, artifact),
    }));
  } catch {
    return [];
  }
}

/** `runner verify`: backups that lie at destinations are opened and checked through them. */
export function compileVerify(
  plan: ResolvedPlan,
  facts: RunFacts,
  options: { choices: Choice[]; level?: Level },
): Graph {
  const scopes: Scope[] = [];
  const tasks: Task[] = [];
  const requirements: Requirement[] = [];
  for (const { backup: name, id, manifest, destinations } of options.choices) {
    const backup = plan.backups.find((candidate) => candidate.name === name);
    if (!backup) continue;
    const parts = manifest ? manifestParts(manifest, backup, facts) : [];
    for (const check of checksFor(backup, manifest ? options.level : 'checksum')) {
      const title = `verify ${check.level} of ${id}`;
      const compiled = verifyTask(
        plan,
        { id, title, backup, artifact: id, parts, destinations, check },
        [{ task: 'preflight', on: 'ok' }],
        facts,
      );
      tasks.push(compiled.task);
      scopes.push(...compiled.scopes);
      requirements.push(...compiled.requirements);
    }
  }
  const preflight = preflightTask(plan, [], requirements);
  return seal({
    format: 'runner/graph@1',
    plan: { name: plan.name, digest: plan.digest },
    command: 'verify',
    tasks: [preflight, ...tasks],
    scopes,
    shelf: [],
  });
}
