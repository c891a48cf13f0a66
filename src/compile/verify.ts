import type { Manifest } from '../catalog/format.ts';
import type { Argument, Command, Graph, Level, Recipe, Requirement, Scope, StageRecord, Task } from '../graph.ts';
import type { Configured, PlannedVerification, ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { compileAssertions } from './assertions.ts';
import { openingChain } from './chain.ts';
import { directoryScope, preflightTask, secretsOf, stageCommands } from './common.ts';
import type { RunFacts } from './facts.ts';
import { seal } from './seal.ts';

/**
 * One backup to be verified: its manifest says how it was made, `destinations` where copies lie, the best first. Null: all
 * manifests are damaged, so that nothing can be opened and the checksum says so.
 */
export type Choice = { backup: string; id: string; manifest: Manifest | null; destinations: string[] };

type Check = {
  id: string;
  title: string;
  backup: ResolvedBackup;
  artifact: Argument;
  records: StageRecord[];
  destinations: string[];
  check: PlannedVerification;
};

/** The check of one level, with the private directory in which it works. */
export function verifyTask(
  plan: ResolvedPlan,
  check: Check,
  needs: Task['needs'],
  facts: RunFacts,
): { task: Task; scopes: Scope[]; requirements: Requirement[] } {
  const { backup } = check;
  const { level, every, at } = check.check;
  const scope = directoryScope(`scratch:${check.id}:${level}`);
  const opening =
    level === 'checksum' ? { stages: [], requirements: [] } : openingChain(plan, backup, check.records, facts);
  const recipe = recipeFor(level, backup.source, facts);
  const assert =
    level === 'restore' ? compileAssertions(check.check.assert, backup.source, { work: 'restored' }, facts) : [];
  const commands = [...stageCommands(opening.stages), ...recipeCommands(recipe)];
  const task: Task = {
    id: `verify:${check.id}:${level}`,
    title: check.title,
    host: 'local',
    within: [scope.id],
    needs,
    action: {
      do: 'verify',
      level,
      backup: backup.name,
      id: check.artifact,
      destinations: at ? [at] : check.destinations,
      decode: opening.stages,
      recipe,
      assert,
      ...(every === undefined ? {} : { every }),
    },
    outputs: [],
    backup: backup.name,
  };
  return {
    task,
    scopes: [scope],
    requirements: [...opening.requirements, ...secretsOf(commands, `backup "${backup.name}" is verified`)],
  };
}

function recipeFor(level: Level, source: Configured, facts: RunFacts): Recipe | null {
  const kind = findSource(source.type);
  if (level === 'content') return kind.content(source.spec, facts);
  if (level === 'restore')
    return kind.restores(source.spec) === 'none'
      ? kind.content(source.spec, facts)
      : kind.restore(source.spec, { path: { work: 'restored' } }, facts);
  return null;
}

export function recipeCommands(recipe: Recipe | null): Command[] {
  if (!recipe) return [];
  return [
    ...(recipe.prepare ?? []),
    ...('consume' in recipe.intake ? [recipe.intake.consume] : []),
    ...(recipe.cleanup ?? []),
  ];
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
    const records = manifest?.artifacts[0]?.stages ?? [];
    for (const check of checksFor(backup, manifest ? options.level : 'checksum')) {
      const title = `verify ${check.level} of ${id}`;
      const compiled = verifyTask(
        plan,
        { id, title, backup, artifact: id, records, destinations, check },
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
