import { placeholders } from '../bind.ts';
import { graphDigest } from '../compile/digest.ts';
import type { Graph, Scope, ShelfView, Task } from '../graph.ts';
import { formatSize } from '../units.ts';
import { actionLines } from './lines.ts';
import type { View } from './shell.ts';

/** Tasks that say nothing a reviewer would ask: they appear in the JSON, not in the text. */
const quiet = new Set(['settle', 'document', 'prune', 'sync']);

/** Scopes whose beginning and end a reviewer would want to see. */
const shown = new Set(['step', 'run', 'hold', 'quiesce']);

/** The whole graph for a person: every command, every deletion, the digest. The view fills in what a run knows. */
export function renderText(graph: Graph, lookup: View = placeholders): string {
  const blocks = [
    `${graph.plan.name}: ${graph.command}`,
    ...graph.tasks.filter((task) => !quiet.has(task.action.do)).map((task) => taskBlock(task, graph, lookup)),
    ...graph.shelf.map((view) => shelfBlock(view, graph.command)),
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

function shelfBlock(view: ShelfView, command: Graph['command']): string {
  const place = `${view.backup} at ${view.destination}`;
  const copies = copyLines(view);
  if (command === 'sync') return [`${place}: copy ${view.copy?.length ?? 0}`, ...copies].join('\n');
  if (view.blocked) return [`${place}: nothing will be deleted, because ${view.blocked}`, ...copies].join('\n');
  const rows = (sign: string, entries: ShelfView['keep']) =>
    entries.map(({ id, reasons }) => `  ${sign} ${id}  ${reasons.join('; ')}`);
  const head = `${place}: keep ${view.keep.length}, delete ${view.delete.length}`;
  return [head, ...rows('keep  ', view.keep), ...rows('delete', view.delete), ...copies].join('\n');
}

/** What comes there from where, and how much it is. */
function copyLines({ copy = [], uncopied }: ShelfView): string[] {
  if (uncopied !== undefined) return [`  nothing will be copied, because ${uncopied}`];
  const size = (bytes: number | null) => (bytes === null ? 'of unknown size' : formatSize(bytes));
  const lines = copy.map(({ id, from, bytes, isDamaged }) => {
    const place = isDamaged ? '; the damaged copy there is deleted before' : '';
    return `  copy   ${id}  from ${from.join(' or ')}, ${size(bytes)}${place}`;
  });
  const sum = copy.reduce((total, { bytes }) => total + (bytes ?? 0), 0);
  return copy.length > 1 ? [...lines, `  copy ${copy.length} in all, ${formatSize(sum)}`] : lines;
}
