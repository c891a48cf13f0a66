/** How a restore claims a place beside the target, changes places with it and gives it up: by paths, or by names at a server. */
import type { Action } from '../graph.ts';
import { isDatabase, type PieceContext, placed } from './restore-context.ts';
import { groundThere } from './restore-there.ts';

export type Ground = {
  claim: Action;
  release: Action;
  swap: Action;
  /** After a swap: what was at the target comes back. */
  back: Action;
  /** What was moved aside goes. */
  discard: Action;
};

export function groundOf(context: PieceContext, target: string): Ground {
  if (isDatabase(context)) return atServer(context, target);
  return context.piece.there ? groundThere(context, target) : byPaths(context, target);
}

function byPaths({ kind, kindFacts, choice, piece }: PieceContext, target: string): Ground {
  const { beside, aside, source } = piece;
  const companions = [...(kind.companions ?? [])];
  const beyond = choice.live ? (kind.neighbours?.(source.spec, kindFacts) ?? []) : [];
  const neighbours = beyond.length > 0 ? { neighbours: beyond } : {};
  return {
    claim: { do: 'reserve', path: beside },
    release: { do: 'discard', path: beside, companions, ...neighbours },
    swap: { do: 'swap', beside, target, aside, companions, ...neighbours },
    back: { do: 'unswap', target, aside, companions, ...neighbours },
    discard: { do: 'discard', path: aside, companions, ...neighbours },
  };
}

function atServer(context: PieceContext, target: string): Ground {
  const { kind, kindFacts, piece } = context;
  const { beside, stale, replaces } = piece;
  const { spec } = piece.source;
  const databases = databasesOf(context);
  const aside = replaces ? piece.aside : null;
  const run = (commands: ReturnType<typeof databases.drop>): Action => ({
    do: 'run',
    commands: placed(context, commands),
  });
  const drop = (name: string) => databases.drop(spec, name, kindFacts);
  // A kind that cannot rename never gets this far with these: it loads over what is there.
  const exchange = (names: { beside: string; target: string; aside: string | null }) =>
    kind.databases?.swap?.(spec, names, kindFacts) ?? [];
  return {
    claim: run([
      ...(stale ? drop(beside) : []),
      ...databases.create(spec, beside, replaces ? target : null, kindFacts),
      ...(databases.mark?.write(spec, beside, { join: ['runner ', { out: 'run.id' }] }, kindFacts) ?? []),
    ]),
    release: run(drop(beside)),
    swap: {
      do: 'swap',
      target,
      aside,
      commands: placed(context, exchange({ beside, target, aside })),
    },
    back: {
      do: 'unswap',
      target,
      aside,
      commands: placed(
        context,
        aside === null ? drop(target) : [...exchange({ beside: aside, target, aside: beside }), ...drop(beside)],
      ),
    },
    discard: run(drop(piece.aside)),
  };
}

export function databasesOf({ kind }: PieceContext): NonNullable<PieceContext['kind']['databases']> {
  if (!kind.databases) throw new Error(`a source of type ${kind.type} restores a database and knows nothing of them`);
  return kind.databases;
}
