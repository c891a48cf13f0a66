import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Diagnostic } from '../diagnostic.ts';
import { bounds } from './bounds.ts';
import {
  brokenNode,
  describe,
  type Entry,
  listNode,
  type MapNode,
  mapNode,
  type PlanNode,
  scalarNode,
} from './document.ts';
import { readDocument } from './load-yaml.ts';
import { nearest } from './nearest.ts';
import { placeOf, type Source, type Span } from './position.ts';

/** `anchors`: null while the value of an anchor is being read; `full`: aliases made the plan too large or too deep. */
type Reading = {
  source: Source;
  anchors: Map<string, PlanNode | null>;
  diagnostics: Diagnostic[];
  full: boolean;
};

/** Reads a source as a map of values with their places; null when it is no plan at all. */
export function readNodes(source: Source): { root: MapNode | null; diagnostics: Diagnostic[] } {
  const { document, diagnostics } = readDocument(source);
  if (!document) return { root: null, diagnostics };
  const reading: Reading = { source, anchors: new Map(), diagnostics, full: false };
  const root = readNode(document.contents as Document.Parsed['contents'], reading, 0);
  if (reading.full) return { root: null, diagnostics };
  if (root.kind === 'map') return { root, diagnostics };
  const expected = 'a map of keys, which begins with `version: 1`';
  report(reading, root.span, `a plan is a map, and this is ${describe(root)}`, { expected });
  return { root: null, diagnostics };
}

/** `after`: where a value stands of which nothing is written. */
function readNode(node: Node | null, reading: Reading, after: number): PlanNode {
  if (node === null) return scalarNode(null, span(reading, after, after));
  if (isAlias(node)) return readAlias(node.source, spanOf(reading, node), reading);
  const anchor = 'anchor' in node ? node.anchor : undefined;
  if (anchor) reading.anchors.set(anchor, null);
  const read = readValue(node, reading);
  if (anchor) reading.anchors.set(anchor, read);
  return read;
}

function readValue(node: Node, reading: Reading): PlanNode {
  const at = spanOf(reading, node);
  if (isMap(node)) return bounded(readMap(node, at, reading), reading);
  if (isSeq(node)) {
    const items = node.items.map((item) => readNode(item as Node, reading, at.start));
    return bounded(listNode(items, at), reading);
  }
  const value = isScalar(node) ? node.value : null;
  if (typeof value === 'number' && !(Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value))) {
    report(reading, at, 'this number cannot be held exactly', { expected: 'a smaller number, or a text in quotes' });
    return brokenNode(at);
  }
  return scalarNode(value as string | number | boolean | null, at);
}

/** Aliases let a small file stand for a huge one: what grew too large or too deep is cut off here, once and for all. */
function bounded(node: PlanNode, reading: Reading): PlanNode {
  const large = node.size > bounds.entries;
  if (!large && node.height <= bounds.depth) return node;
  const message = large
    ? `with its aliases written out this plan has more than ${bounds.entries} entries`
    : `with its aliases written out this plan is more than ${bounds.depth} maps and lists deep`;
  if (!reading.full) report(reading, node.span, message);
  reading.full = true;
  return brokenNode(node.span);
}

function readAlias(name: string, at: Span, reading: Reading): PlanNode {
  const found = reading.anchors.get(name);
  if (found) return found;
  if (found === null) {
    report(reading, at, `the anchor &${name} refers to itself`);
  } else {
    const suggestion = nearest(name, reading.anchors.keys());
    report(reading, at, `no anchor &${name} stands above this alias`, {
      expected: 'quotes around a text that begins with *',
      ...(suggestion && { suggestion }),
    });
  }
  return brokenNode(at);
}

function readMap(map: YAMLMap, at: Span, reading: Reading): MapNode {
  const entries = new Map<string, Entry>();
  const merged = new Set<string>();
  let merge: Span | undefined;
  for (const pair of map.items as Pair<Node | null, Node | null>[]) {
    const key = keyOf(pair, at, reading);
    const after = key?.span.end ?? at.start;
    const value = readNode(pair.value, reading, after);
    if (key === null) continue;
    if (key.merge) {
      if (merge) duplicate(reading, '<<', key.span, merge);
      else mergeInto(entries, merged, value, reading);
      merge ??= key.span;
      continue;
    }
    const earlier = entries.get(key.name);
    if (earlier && !merged.delete(key.name)) duplicate(reading, key.name, key.span, earlier.key);
    else entries.set(key.name, { key: key.span, value });
  }
  return mapNode(entries, at);
}

type Key = { name: string; merge: boolean; span: Span };

/** The key of a pair; null when it cannot be one, which is reported. */
function keyOf({ key }: Pair<Node | null, Node | null>, at: Span, reading: Reading): Key | null {
  if (isScalar(key) && typeof key.value === 'string') {
    const found: Key = {
      name: key.value,
      merge: key.value === '<<' && key.type === 'PLAIN',
      span: spanOf(reading, key),
    };
    if (key.anchor) reading.anchors.set(key.anchor, scalarNode(key.value, found.span));
    // Every object of the language answers to these names, so a mistake with one of them would go unseen later.
    if (!(found.name in Object.prototype)) return found;
    report(reading, found.span, `unknown key "${found.name}"`);
    return null;
  }
  const where = key ? spanOf(reading, key) : at;
  const written = isScalar(key) && where.end > where.start ? `"${key.source ?? key.value}"` : 'a name';
  const read = isAlias(key) ? 'an alias' : describe(readNode(key, reading, at.start));
  report(reading, where, `a key is a text, and this is ${read}`, { expected: written });
  return null;
}

/** `<<: *a` or `<<: [*a, *b]`: keys that are written out win over merged ones, earlier maps over later ones. */
function mergeInto(entries: Map<string, Entry>, merged: Set<string>, value: PlanNode, reading: Reading): void {
  for (const part of value.kind === 'list' ? value.items : [value]) {
    if (part.kind !== 'map') {
      if (part.kind === 'list' || !part.broken)
        report(reading, part.span, `<< merges maps, and this is ${describe(part)}`);
      continue;
    }
    for (const [name, entry] of part.entries) {
      if (entries.has(name)) continue;
      entries.set(name, entry);
      merged.add(name);
    }
  }
}

function duplicate(reading: Reading, name: string, second: Span, first: Span): void {
  const { line, column } = placeOf(first);
  report(reading, second, `the key "${name}" stands twice: already at line ${line}, column ${column}`);
}

function report(reading: Reading, at: Span, message: string, more: Partial<Diagnostic> = {}): void {
  reading.diagnostics.push({ rule: 'yaml', severity: 'error', message, ...more, place: placeOf(at) });
}

function spanOf(reading: Reading, node: Node): Span {
  const [start, end] = node.range!;
  return span(reading, start, end);
}

function span({ source }: Reading, start: number, end: number): Span {
  return { source, start, end };
}
