import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Diagnostic } from '../diagnostic.ts';
import { bounds } from './bounds.ts';
import { type MapNode, mapNode, type PlanNode } from './document.ts';
import { mergePlans } from './include-merge.ts';
import { type Environment, interpolate } from './interpolate.ts';
import { readSource } from './load-file.ts';
import { readNodes } from './load-nodes.ts';
import { placeOf, type Span, shownPath } from './position.ts';

/** What a plan and its bases come to; `root` is null when one of them could not be read as a plan. */
export type Assembled = { root: MapNode | null; diagnostics: Diagnostic[] };

/**
 * Reads a plan and, by `extends`, the base that it builds on, that one's base, and so on, and merges them. The path
 * of a base is relative to the file that names it; `~/` is the home directory.
 */
export function assemble(file: string, environment: Environment): Assembled {
  const diagnostics: Diagnostic[] = [];
  const chain: MapNode[] = [];
  const seen: string[] = [];
  let next: { file: string; from?: Span } | null = { file };
  while (next) {
    const source = readSource(next.file, next.from);
    if ('rule' in source) return { root: null, diagnostics: [...diagnostics, source] };
    const read = readNodes(source);
    diagnostics.push(...read.diagnostics);
    if (!read.root) return { root: null, diagnostics };
    seen.push(identityOf(next.file));
    const { rest, base } = takeExtends(read.root);
    chain.unshift(rest);
    next = base ? follow(base, source.file, seen, environment, diagnostics) : null;
    if (base && !next) return { root: null, diagnostics };
  }
  const root = chain.reduce((base, plan) => mergePlans(base, plan, diagnostics));
  return { root, diagnostics };
}

/** A pipe has no path of its own, and none is needed to find a plan that extends itself. */
function identityOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

function takeExtends(root: MapNode): { rest: MapNode; base: PlanNode | null } {
  const found = root.entries.get('extends');
  if (!found) return { rest: root, base: null };
  const entries = new Map(root.entries);
  entries.delete('extends');
  return { rest: mapNode(entries, root.span), base: found.value };
}

/** The file that an `extends` names; null, with the reason reported, when it names none that can follow. */
function follow(
  base: PlanNode,
  file: string,
  seen: string[],
  environment: Environment,
  diagnostics: Diagnostic[],
): { file: string; from: Span } | null {
  const refuse = (message: string, expected?: string): null => {
    const place = placeOf(base.span);
    diagnostics.push({ rule: 'extends', severity: 'error', message, ...(expected && { expected }), place });
    return null;
  };
  if (base.kind !== 'scalar' || typeof base.value !== 'string' || base.value === '')
    return refuse('extends names no file', 'the path of one base plan');
  const written = interpolate(base.value, environment, bounds.bytes);
  const fault = written.faults[0];
  if (fault) return refuse(fault.message, fault.expected);
  const home = environment.HOME ?? homedir();
  const path = written.value.replace(/^~(?=\/|$)/, home);
  const target = resolve(dirname(file), path);
  const cycle = seen.indexOf(identityOf(target));
  if (cycle !== -1)
    return refuse(`this goes in a circle: ${[...seen.slice(cycle), seen[cycle]!].map(shownPath).join(' extends ')}`);
  if (seen.length >= bounds.files) return refuse(`more than ${bounds.files} plans extend each other`);
  return { file: target, from: base.span };
}
