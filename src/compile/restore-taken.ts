/** What a program or a server takes at once, with nothing beside it. */
import type { Scope, Task } from '../graph.ts';
import { directoryScope } from './common.ts';
import { unpackTask } from './restore-beside.ts';
import type { PieceContext, RestorePart } from './restore-context.ts';

/** A program of the kind's takes the data while everything stands still. Nothing can be brought back. */
export function takingStream(
  context: PieceContext,
  needs: Task['needs'],
  stopped: Scope[],
): RestorePart & { put: Task } {
  return taking(context, `unpack${context.tag}`, needs, stopped);
}

/** Roles and the like: what is there already stays, so that the data finds its owners. */
export function takingGlobals(context: PieceContext, needs: Task['needs']): RestorePart {
  return taking(context, `globals${context.tag}`, needs, []);
}

function taking(context: PieceContext, id: string, needs: Task['needs'], stopped: Scope[]) {
  const work = directoryScope(`work:${id}`);
  const within = [...stopped.map((scope) => scope.id), work.id];
  const path = context.piece.part.name ?? '';
  const { task, requirements } = unpackTask(context, { id, path, within, needs });
  return { tasks: [task], scopes: [work], requirements, put: task };
}
