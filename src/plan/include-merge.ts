import type { Diagnostic } from '../diagnostic.ts';
import { type Entry, type MapNode, mapNode, type PlanNode } from './document.ts';
import { nearest } from './nearest.ts';
import { placeOf, type Span } from './position.ts';

/** Keys of a plan, its `defaults` and its backups that say one thing as a whole. */
const wholeKeys = new Set(['retention', 'verify', 'schedule', 'hooks']);

/** Top-level maps of which each named entry says one thing as a whole. */
const wholeNames = new Set(['retention', 'secrets', 'groups', 'tasks']);

/**
 * Lays a plan over its base. Maps merge by name, to any depth. Replaced whole are: lists and plain values;
 * `retention`, `verify`, `schedule` and `hooks` of a backup and of `defaults`, and the plan's `hooks`; each named
 * retention, each secret, group and task; `run-in`; and a map whose `type` changes, since what was said about a postgres says
 * nothing about a sqlite. `null` removes what the base has under that name.
 */
export function mergePlans(base: MapNode, plan: MapNode, diagnostics: Diagnostic[]): MapNode {
  return mergeMaps(base, plan, [], diagnostics);
}

function mergeMaps(base: MapNode, over: MapNode, path: string[], diagnostics: Diagnostic[]): MapNode {
  const entries = new Map<string, Entry>(base.entries);
  for (const [name, entry] of over.entries) {
    const below = base.entries.get(name);
    if (entry.value.kind === 'scalar' && entry.value.value === null && !entry.value.broken) {
      if (below) entries.delete(name);
      else diagnostics.push(nothingToRemove(name, entry.key, base));
      continue;
    }
    entries.set(name, { key: entry.key, value: merge(below?.value, entry.value, [...path, name], diagnostics) });
  }
  return mapNode(entries, over.span);
}

function merge(base: PlanNode | undefined, over: PlanNode, path: string[], diagnostics: Diagnostic[]): PlanNode {
  if (base?.kind !== 'map' || over.kind !== 'map') return over;
  if (isWhole(path) || typeOf(base) !== typeOf(over, base)) return over;
  return mergeMaps(base, over, path, diagnostics);
}

function isWhole(path: string[]): boolean {
  const key = path.at(-1)!;
  if (path.length === 1) return key === 'hooks';
  if (path.length === 2 && wholeNames.has(path[0]!)) return true;
  if (path.length === (path[0] === 'defaults' ? 2 : 3) && wholeKeys.has(key))
    return path[0] === 'defaults' || path[0] === 'backups';
  return path.length > 2 && key === 'run-in';
}

/** A map that does not say its type has the one of its base. */
function typeOf(node: MapNode, base?: MapNode): unknown {
  const type = node.entries.get('type')?.value;
  if (type?.kind === 'scalar') return type.value;
  return base ? typeOf(base) : undefined;
}

function nothingToRemove(name: string, key: Span, base: MapNode): Diagnostic {
  const suggestion = nearest(name, base.entries.keys());
  return {
    rule: 'extends',
    severity: 'error',
    message: `the base has no "${name}" here that null could remove`,
    ...(suggestion && { suggestion }),
    place: placeOf(key),
  };
}
