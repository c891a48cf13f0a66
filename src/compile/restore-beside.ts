/** The first half of a restore: the artifact is proven whole and restored beside the target, where nobody uses it yet. */
import { answersOf, artifactOf } from '../catalog/artifacts.ts';
import type { Action, Requirement, Scope, Task } from '../graph.ts';
import type { Question, Target } from '../kind.ts';
import type { Recipe } from '../recipe.ts';
import { askKind } from './ask.ts';
import { type Asked, compileAssertions, questionName } from './assertions.ts';
import { openingChain } from './chain.ts';
import { directoryScope, secretsOf, stageCommands } from './common.ts';
import {
  isDatabase,
  ok,
  type PieceContext,
  partField,
  pieceTitle,
  placed,
  type RestorePart,
  recordsOf,
} from './restore-context.ts';
import type { Ground } from './restore-ground.ts';
import { assertedThere } from './restore-there.ts';
import { recipeCommands } from './rewrite.ts';

/** Proves the artifact before anything of the target is touched. */
export function admitting(context: PieceContext, needs: Task['needs']): Task {
  const { choice, backup, tag } = context;
  const onTheWay = isHashedOnTheWay(context);
  return {
    id: `admit${tag}`,
    title: `${onTheWay ? 'look at' : 'check'} ${pieceTitle(context)}`,
    host: 'local',
    within: [],
    needs,
    action: {
      do: 'admit',
      backup: backup.name,
      id: choice.id,
      from: choice.from,
      ...partField(context),
      ...(onTheWay && { onTheWay }),
    },
    outputs: [],
    backup: backup.name,
  };
}

/**
 * One pass suffices for what is restored beside, or where nothing is: it is thrown away when its hash differs. Where the manifest is signed, or
 * sealed by a passphrase, a stranger's bytes must reach no program at all: they are hashed first.
 */
function isHashedOnTheWay(context: PieceContext): true | undefined {
  const { plan, choice, kind, piece } = context;
  if (!choice.manifest || choice.manifest.mac || plan.signing || 'file' in choice.from) return undefined;
  if (piece.target === null || piece.part.purpose === 'globals') return undefined;
  const isBeside = !isDatabase(context) || piece.only.length > 0 || kind.databases?.swap !== undefined;
  return isBeside || !piece.replaces || undefined;
}

/** Unpacks it beside the target and asserts the result there. */
export function unpackingBeside(context: PieceContext, ground: Ground, needs: Task['needs']): RestorePart {
  const { piece, tag } = context;
  const work = directoryScope(`work:restore${tag}`);
  const beside: Scope = {
    id: `beside${tag}`,
    host: 'local',
    acquire: ground.claim,
    release: ground.release,
    outputs: [],
  };
  const within = [work.id, beside.id];
  const opened = unpackTask(context, { id: `unpack${tag}`, path: piece.beside, within, needs });
  const asserted = assertTasks(context, piece.beside, within, ok([opened.task]));
  return { tasks: [opened.task, ...asserted], scopes: [work, beside], requirements: opened.requirements };
}

type Unpacking = {
  id: string;
  /** Where the data is put: a path, or a database's name. */
  path: string;
  within: string[];
  needs: Task['needs'];
  /** What makes room for it, where older data is. */
  over?: Pick<Extract<Action, { do: 'unpack' }>, 'over'> & { prepare: Recipe['prepare'] & object };
};

/** Sends the artifact through its decoders into what its kind restores it with. */
export function unpackTask(
  context: PieceContext,
  { id, path, within, needs, over }: Unpacking,
): { task: Task; requirements: Requirement[] } {
  const { plan, backup, choice, facts, kind, kindFacts, piece } = context;
  const opening = openingChain(plan, backup, recordsOf(context), facts);
  const restored = kind.restore(piece.source.spec, { path }, kindFacts, backup.restore.options, piece.only);
  const recipe = placed(context, {
    ...restored,
    ...(over ? { prepare: [...over.prepare, ...(restored.prepare ?? [])] } : {}),
  });
  const why = 'the artifact is opened with it';
  return {
    task: {
      id,
      title: `restore ${pieceTitle(context)}${isDatabase(context) ? ` in ${path}` : ''}`,
      host: 'local',
      within,
      needs,
      action: {
        do: 'unpack',
        backup: backup.name,
        id: choice.id,
        from: choice.from,
        ...partField(context),
        decode: opening.stages,
        recipe,
        ...(isDatabase(context) ? { target: path } : {}),
        ...(over?.over ? { over: over.over } : {}),
      },
      outputs: [],
      backup: backup.name,
    },
    requirements: [
      ...opening.requirements,
      ...restorePrograms(context),
      ...secretsOf([...stageCommands(opening.stages), ...recipeCommands(recipe)], why),
    ],
  };
}

/** What the plan asserts of restored data; nothing where it asserts nothing. */
export function assertTasks(context: PieceContext, path: string, within: string[], needs: Task['needs']): Task[] {
  const { backup, choice, piece, kindFacts, tag } = context;
  if (backup.restore.assert.length === 0) return [];
  const ask = (question: Question, target: Target | null) =>
    placed(context, askKind(piece.source, question, target, kindFacts));
  const { manifest } = choice;
  const artifact = manifest ? artifactOf(manifest, piece.part) : undefined;
  const kept = manifest && artifact ? answersOf(manifest, artifact) : {};
  const asked: Asked = {
    source: piece.source,
    target: path,
    ask: (question) => ask(question, { path }),
    live: (question) => (Object.hasOwn(kept, questionName(question)) ? null : ask(question, null)),
  };
  const of = { id: choice.id, from: choice.from, ...partField(context) };
  const asserted = compileAssertions(backup.restore.assert, asked);
  return [
    {
      id: `assert${tag}`,
      title: `assert ${pieceTitle(context)}`,
      host: 'local',
      within,
      needs,
      action: { do: 'assert', assert: piece.there ? assertedThere(context, asserted) : asserted, of },
      outputs: [],
      backup: backup.name,
    },
  ];
}

/** Programs of the source that a restore needs; its own data may be gone, so paths are no requirement here. */
function restorePrograms(context: PieceContext): Requirement[] {
  const { kind, kindFacts, piece } = context;
  const needed = kind.requirements(piece.source.spec, kindFacts).filter(({ need }) => need === 'program');
  return placed(context, needed);
}
