import { join } from 'node:path';
import type { Lookup } from '../bind.ts';
import type { Graph, ScopeId } from '../graph.ts';

/** What a run has bound so far, seen from inside the given scopes: `work` is a path in the innermost directory scope. */
export function lookupWithin(
  graph: Graph,
  bindings: Readonly<Record<string, string>>,
  within: readonly ScopeId[],
): Lookup {
  const out = (reference: string): string => {
    const value = Object.hasOwn(bindings, reference) ? bindings[reference] : undefined;
    if (value === undefined) throw new Error(`The value ‹${reference}› was asked for before it was known.`);
    return value;
  };
  const directory = [...within]
    .reverse()
    .find((id) => graph.scopes.some((scope) => scope.id === id && scope.acquire.do === 'directory'));
  return { out, work: (path) => join(out(`${directory ?? 'work'}.path`), path) };
}
