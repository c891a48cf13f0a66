/** Servers that cannot rename a database: what was proven beside is loaded over the old one, from which a copy was kept. */
import type { Command } from '../command.ts';
import type { PutBack, Scope, Task } from '../graph.ts';
import { openingChain, sealingChain } from './chain.ts';
import { directoryScope, secretsOf, stageCommands } from './common.ts';
import { sourceFacts } from './facts.ts';
import { assertTasks, unpackTask } from './restore-beside.ts';
import { ok, type PieceContext, placed, type RestorePart } from './restore-context.ts';
import { databasesOf } from './restore-ground.ts';
import { inFolder, recipeCommands } from './rewrite.ts';
import { safetyCopy } from './swap.ts';

/** `back`: how the old data returns when something fails behind the load; null where nobody can. */
export type Loaded = RestorePart & { load: Task; checks: Task[]; back: PutBack | null };

/** Safety copy and load, both while everything stands still. What is loaded into nothing is asserted there. */
export function loadingOver(context: PieceContext, target: string, needs: Task['needs'], stopped: Scope[]): Loaded {
  const { piece, tag } = context;
  const held = stopped.map(({ id }) => id);
  const isFull = piece.replaces && !piece.empty;
  const copy = isFull && piece.safety ? safetyCopy(context, target, needs, stopped) : null;
  const work = directoryScope(`work:load${tag}`);
  const back = putBack(context, target, copy?.tasks[0]);
  const opened = unpackTask(context, {
    id: `load${tag}`,
    path: target,
    within: [...held, work.id],
    needs: copy ? ok(copy.tasks) : needs,
    over: { over: back, prepare: roomAt(context, target) },
  });
  const load = { ...opened.task, title: isFull ? `load it over ${target}` : `load it in ${target}` };
  const checks = isFull ? [] : assertTasks(context, target, [...held, work.id], ok([load]));
  const canReturn = back.copy !== undefined || !isFull;
  return {
    tasks: [...(copy?.tasks ?? []), load, ...checks],
    scopes: [...(copy?.scopes ?? []), work],
    requirements: [...(copy?.requirements ?? []), ...opened.requirements, ...openingOf(context, back)],
    load,
    checks,
    back: canReturn ? back : null,
  };
}

/** An empty database at the target: the old one emptied, or one made new. */
function roomAt(context: PieceContext, target: string): Command[] {
  const { kindFacts, piece } = context;
  const { spec } = piece.source;
  const { clear, create, drop } = databasesOf(context);
  if (!piece.replaces) return create(spec, target, null, kindFacts);
  return (
    clear?.(spec, target, kindFacts) ?? [...drop(spec, target, kindFacts), ...create(spec, target, null, kindFacts)]
  );
}

/** What the load has written to its work directory is still there when its copy is put back. */
const putBackFolder = 'back';
const freshFolder: Command = {
  argv: ['sh', '-c', 'rm -rf -- "$1" && mkdir -m 0700 -- "$1"', 'sh', { work: putBackFolder }],
};

function putBack(context: PieceContext, target: string, safety: Task | undefined): PutBack {
  const { backup, kind, kindFacts, piece, plan, facts } = context;
  const { spec } = piece.source;
  const base = { target, backup: backup.name };
  if (!piece.replaces) {
    return { ...base, commands: placed(context, databasesOf(context).drop(spec, target, kindFacts)) };
  }
  if (!safety) return { ...base, commands: piece.empty ? placed(context, roomAt(context, target)) : [] };
  const { records } = sealingChain(backup, facts, facts.inspections);
  const recipe = kind.restore(spec, { path: target }, sourceFacts(facts, backup), backup.restore.options);
  const apart = inFolder(
    { ...recipe, prepare: [...roomAt(context, target), ...(recipe.prepare ?? [])] },
    putBackFolder,
  );
  return {
    ...base,
    commands: [],
    copy: {
      from: safety.id,
      destinations: backup.restore.safety.destinations,
      decode: openingChain(plan, backup, records, facts).stages,
      recipe: placed(context, { ...apart, prepare: [freshFolder, ...(apart.prepare ?? [])] }),
    },
  };
}

/** What opens the safety copy must be there before anything is touched. */
function openingOf({ plan, backup, facts }: PieceContext, { copy }: PutBack): RestorePart['requirements'] {
  if (!copy) return [];
  const { records } = sealingChain(backup, facts, facts.inspections);
  const commands = [...stageCommands(copy.decode), ...recipeCommands(copy.recipe)];
  return [
    ...openingChain(plan, backup, records, facts).requirements,
    ...secretsOf(commands, 'the safety copy is put back with it should the restore fail'),
  ];
}
