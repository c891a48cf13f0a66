/** What a kind does around the swap of its live data, where a server keeps more than the file: see `src/kind.ts`. */
import type { Task } from '../graph.ts';
import { type PieceContext, placedLive } from './restore-context.ts';

export type LiveTasks = {
  /** What takes the place of its neighbours, made beside the new data. */
  settle(needs: Task['needs']): Task[];
  /** Right before anything is stopped. */
  quiet(needs: Task['needs']): Task[];
  /** Behind the start, in the work directory of what was unpacked. */
  taken(needs: Task['needs']): Task[];
};

export function liveTasks(context: PieceContext): LiveTasks {
  const { backup, choice, kind, kindFacts, piece, tag } = context;
  const none = { quiet: () => [], settle: () => [], taken: () => [] };
  if (!choice.live || piece.target === null) return none;
  const { target } = piece;
  const { spec } = piece.source;
  const task = (id: string, title: string, rest: Pick<Task, 'within' | 'needs' | 'action'>): Task[] => [
    { id: `${id}${tag}`, title, host: 'local', outputs: [], backup: backup.name, ...rest },
  ];
  return {
    quiet: (needs) => {
      if (!savesFirst(context)) return [];
      const commands = placedLive(context, kind.quiet!(spec, kindFacts));
      return task('quiet', `have ${backup.name} write down all that it holds`, {
        within: [],
        needs,
        action: { do: 'run', commands },
      });
    },
    settle: (needs) => {
      const commands = kind.settle?.(spec, piece.beside, kindFacts, backup.restore.options) ?? [];
      if (commands.length === 0) return [];
      const within = [`work:restore${tag}`, `beside${tag}`];
      return task('settle', `make what goes with ${target}`, { within, needs, action: { do: 'run', commands } });
    },
    taken: (needs) => {
      const assert = placedLive(context, kind.taken?.(spec, target, kindFacts) ?? []);
      if (assert.length === 0) return [];
      const within = [`work:restore${tag}`];
      return task('taken', `see that ${backup.name} runs on the new data`, {
        within,
        needs,
        action: { do: 'assert', assert },
      });
    },
  };
}

/** The server can be told to write down what it holds in memory; one that is down cannot. */
export function savesFirst({ kind, kindFacts }: PieceContext): boolean {
  return kind.quiet !== undefined && kindFacts.survey !== null && kindFacts.survey !== undefined;
}
