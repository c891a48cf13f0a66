/** What is done with one artifact of a restore, by what its kind produces. */
import type { Action, Scope, Task } from '../graph.ts';
import { unpackingBeside } from './restore-beside.ts';
import { isDatabase, nothing, ok, type PieceContext, type RestorePart } from './restore-context.ts';
import { type Ground, groundOf } from './restore-ground.ts';
import { type LiveTasks, liveTasks } from './restore-live.ts';
import { movingParts } from './restore-only.ts';
import { loadingOver } from './restore-over.ts';
import { takingStream } from './restore-taken.ts';
import { farewell, swapping } from './swap.ts';

/**
 * `open` touches nothing; `ready` is what the others need of it. `brace` is the last that is asked of a live server, before
 * anything of any lane stands still; `place` waits until all lanes are braced.
 */
export type Lane = {
  open: RestorePart;
  ready: Task['needs'];
  brace?(ready: Task['needs']): Task[];
  place(ready: Task['needs']): Placed;
};

/** `put` is the task that changes the target. */
export type Placed = RestorePart & {
  context: PieceContext;
  put: Task;
  /** Behind `put`, while everything still stands: what fails there is undone. */
  checks: Task[];
  /** Behind the start. */
  proofs(started: Task['needs']): Task[];
  /** Undoes it; null where nobody can. */
  back: Action | null;
  /** Lets the old data go. */
  leave(end: Task['needs']): RestorePart;
};

export function laneOf(context: PieceContext, needs: Task['needs'], stopped: Scope[]): Lane {
  const { kind, piece } = context;
  const { target } = piece;
  if (target === null) return alone((ready) => takingStream(context, ready, stopped), context);
  if (!isDatabase(context)) return swappingLane(context, groundOf(context, target), needs, stopped);
  if (piece.only.length > 0) return movingLane(context, target, needs, stopped);
  if (kind.databases?.swap) return swappingLane(context, groundOf(context, target), needs, stopped);
  return loadingLane(context, target, needs, stopped);
}

const last = ({ tasks }: RestorePart): Task['needs'] => ok(tasks.slice(-1));

/** Nothing beside it: what there is to do happens at the target at once. */
function alone(place: (ready: Task['needs']) => RestorePart & { put: Task }, context: PieceContext): Lane {
  return {
    open: nothing,
    ready: [],
    place: (ready) => ({
      ...place(ready),
      context,
      checks: [],
      proofs: () => [],
      back: null,
      leave: () => nothing,
    }),
  };
}

function swappingLane(context: PieceContext, ground: Ground, needs: Task['needs'], stopped: Scope[]): Lane {
  const open = unpackingBeside(context, ground, needs);
  const live: LiveTasks = liveTasks(context);
  return {
    open,
    ready: last(open),
    brace: (ready) => {
      const made = live.settle(ready);
      return [...made, ...live.quiet(made.length > 0 ? ok(made) : ready)];
    },
    place: (ready) => {
      const put = swapping(context, ground, ready, stopped);
      return {
        tasks: [put],
        scopes: [],
        requirements: [],
        context,
        put,
        checks: [],
        proofs: live.taken,
        back: ground.back,
        leave: (end) => (context.piece.replaces ? farewell(context, ground, end) : nothing),
      };
    },
  };
}

function loadingLane(context: PieceContext, target: string, needs: Task['needs'], stopped: Scope[]): Lane {
  const { piece, tag } = context;
  const isFull = piece.replaces && !piece.empty;
  const open = isFull ? unpackingBeside(context, groundOf(context, target), needs) : nothing;
  return {
    open,
    // What was only proven there is gone before the old data is touched: a server seldom has room for three.
    ready: isFull ? [...last(open), { task: `beside${tag}`, on: 'done' }] : [],
    place: (ready) => {
      const { load, back, checks, ...part } = loadingOver(context, target, ready, stopped);
      return {
        ...part,
        context,
        put: load,
        checks,
        proofs: () => [],
        back: back && { do: 'put-back', ...back },
        leave: () => nothing,
      };
    },
  };
}

function movingLane(context: PieceContext, target: string, needs: Task['needs'], stopped: Scope[]): Lane {
  const open = unpackingBeside(context, groundOf(context, target), needs);
  return {
    open,
    ready: last(open),
    place: (ready) => alone((all) => movingParts(context, target, all, stopped), context).place(ready),
  };
}
