import { createHash } from 'node:crypto';
import type { Graph } from '../graph.ts';

/**
 * `p1-<graph>-<shelf>`: the first half speaks of the plan and the programs found (tasks and scopes), the second of what
 * lies at the destinations and of what would be deleted or copied. No clock goes in, so two plans a minute apart agree.
 */
export function graphDigest(graph: Graph): string {
  const { plan, command, tasks, scopes } = graph;
  const shelf = graph.shelf.map((view) => [
    view.backup,
    view.destination,
    view.digest,
    view.blocked !== undefined,
    view.delete.map(({ id }) => id),
    ...(view.copy ? [view.copy.map(({ id, isDamaged }) => (isDamaged ? [id] : id))] : []),
  ]);
  return `p1-${hash({ plan, command, tasks, scopes })}-${hash(shelf)}`;
}

/** Whether `expected`, the whole digest or its first half, speaks of this graph. */
export function matchesDigest(expected: string, graph: Graph): boolean {
  const digest = graphDigest(graph);
  return expected === digest || expected === digest.slice(0, digest.lastIndexOf('-'));
}

function hash(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 12);
}

/** JSON with sorted keys, so that the order in which a plan was written or built does not matter. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`).join(',')}}`;
}
