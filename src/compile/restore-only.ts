/** `--only` at a server: parts of what was restored beside take the place of the same parts of the target. */
import type { Scope, Task } from '../graph.ts';
import { ok, type PieceContext, placed, type RestorePart } from './restore-context.ts';
import { databasesOf } from './restore-ground.ts';
import { safetyCopy } from './swap.ts';

/** The safety copy of the whole target and the move, both while everything stands still. */
export function movingParts(
  context: PieceContext,
  target: string,
  needs: Task['needs'],
  stopped: Scope[],
): RestorePart & { put: Task } {
  const { backup, kindFacts, piece, tag } = context;
  const names = { beside: piece.beside, target };
  const move = databasesOf(context).move;
  if (!move) throw new Error(`a ${piece.source.type} source moves no parts although it was asked to`);
  const copy = piece.safety ? safetyCopy(context, target, needs, stopped) : null;
  const put: Task = {
    id: `move${tag}`,
    title: `put ${piece.only.join(', ')} in place at ${target}`,
    host: 'local',
    within: [`work:restore${tag}`, `beside${tag}`, ...stopped.map(({ id }) => id)],
    needs: copy ? ok(copy.tasks) : needs,
    action: {
      do: 'swap',
      target,
      aside: null,
      commands: placed(context, move(piece.source.spec, piece.only, names, kindFacts)),
    },
    outputs: [],
    backup: backup.name,
  };
  return {
    tasks: [...(copy?.tasks ?? []), put],
    scopes: copy?.scopes ?? [],
    requirements: copy?.requirements ?? [],
    put,
  };
}
