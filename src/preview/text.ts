import { placeholders } from '../bind.ts';
import { graphDigest } from '../compile/digest.ts';
import type { Graph, Scope, ShelfView, Task } from '../graph.ts';
import { actionLines } from './lines.ts';
import type { View } from './shell.ts';

/** Tasks that say nothing a reviewer would ask: they appear in the JSON, not in the text. */
const quiet = new Set(['settle', 'document', 'prune']);

/** Scopes whose beginning and end a reviewer would want to see. */
const shown = new Set(['step', 'run', 'hold', 'quiesce']);

/** The whole graph for a person: every command, every deletion, the digest. The view fills in what a run knows. */
export function renderText(graph: Graph, lookup: View = placeholders): string {
  const blocks = [
    `${graph.plan.name}: ${graph.command}`,
    ...graph.tasks.filter((task) => !quiet.has(task.action.do)).map((task) => taskBlock(task, graph, lookup)),
    ...graph.shelf.map(shelfBlock),
    `digest ${graphDigest(graph)}`,
  ];
  return `${blocks.filter(Boolean).join('\n\n')}\n`;
}

function taskBlock(task: Task, graph: Graph, lookup: View): string {
  const around = graph.scopes.filter(({ id, acquire }) => task.within.includes(id) && shown.has(acquire.do));
  const held = (scope: Scope, side: 'acquire' | 'release') =>
    isEdge(scope, side, task, graph) ? actionLines(scope[side], lookup) : [];
  const lines = [
    ...around.flatMap((scope) => held(scope, 'acquire')),
    ...actionLines(task.action, lookup),
    ...around.toReversed().flatMap((scope) => held(scope, 'release')),
  ];
  return [`${task.title}${condition(task)}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Several backups share what a group holds: it begins with the first of them and ends with the last. */
function isEdge({ id }: Scope, side: 'acquire' | 'release', task: Task, graph: Graph): boolean {
  const inside = graph.tasks.filter(({ within }) => within.includes(id));
  return (side === 'acquire' ? inside[0] : inside.at(-1)) === task;
}

function condition(task: Task): string {
  return task.needs.some(({ on }) => on === 'fail') ? ' (only after a failure)' : '';
}

function shelfBlock(view: ShelfView): string {
  const place = `${view.backup} at ${view.destination}`;
  if (view.blocked) return `${place}: nothing will be deleted, because ${view.blocked}`;
  const rows = (sign: string, entries: ShelfView['keep']) =>
    entries.map(({ id, reasons }) => `  ${sign} ${id}  ${reasons.join('; ')}`);
  const head = `${place}: keep ${view.keep.length}, delete ${view.delete.length}`;
  return [head, ...rows('keep  ', view.keep), ...rows('delete', view.delete)].join('\n');
}
