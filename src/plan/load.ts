import { resolve } from 'node:path';
import type { Diagnostic, Place } from '../diagnostic.ts';
import { bounds } from './bounds.ts';
import { childOf, type MapNode, type PlanNode, type ScalarNode } from './document.ts';
import { assemble } from './include.ts';
import { type Environment, type Fault, interpolate } from './interpolate.ts';
import { childPointer, fileStart, placeOf, pointerKeys, type Span } from './position.ts';
import { sortDiagnostics } from './print.ts';

/** A plan as written: one value, where each part of it stands, and what was wrong so far. */
export type Loaded = {
  /** Absolute path of the plan itself, not of a base. */
  file: string;
  /**
   * Plain JSON data with bases merged and variables replaced; its objects have no prototype. Undefined when a file
   * could not be read as a plan: then there is nothing to validate.
   */
  value: unknown;
  /**
   * The place of the value (or, with `key`, of the key) at a JSON pointer; that of the nearest ancestor when there is
   * no such value. Its `file` is the plan or base in which it is written, and relative paths start there.
   */
  place(pointer: string, key?: boolean): Place;
  /** Pointers of texts in which a variable was replaced: they may stand for a number or a boolean. */
  interpolated: ReadonlySet<string>;
  /** Sorted by place. A text with a faulty variable keeps what is written in `value`. */
  diagnostics: Diagnostic[];
};

/** Reads a plan with its bases. Never throws for what a file holds: `diagnostics` says all that is wrong. */
export async function loadPlan(file: string, options: { environment: Environment }): Promise<Loaded> {
  const path = resolve(file);
  const { root, diagnostics } = assemble(path, options.environment);
  const interpolated = new Set<string>();
  const making: Making = { environment: options.environment, interpolated, diagnostics, room: bounds.bytes };
  const value = root ? plainValue(root, '', making) : undefined;
  const place = (pointer: string, key = false) => (root ? placeAt(root, pointer, key) : fileStart(path));
  return { file: path, value, place, interpolated, diagnostics: sortDiagnostics(diagnostics) };
}

/** More faults than these in one text are not told one by one. */
const shownFaults = 20;

/** `room`: how many characters texts with variables may still come to. */
type Making = { environment: Environment; interpolated: Set<string>; diagnostics: Diagnostic[]; room: number };

function plainValue(node: PlanNode, pointer: string, making: Making): unknown {
  if (node.kind === 'list')
    return node.items.map((item, index) => plainValue(item, childPointer(pointer, index), making));
  if (node.kind === 'scalar') return textOf(node, pointer, making);
  // Without a prototype no key can mean anything but itself.
  const value: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) value[key] = plainValue(entry.value, childPointer(pointer, key), making);
  return value;
}

function textOf(node: ScalarNode, pointer: string, making: Making): unknown {
  const text = node.value;
  if (typeof text !== 'string' || !text.includes('$')) return text;
  const { value, substituted, faults } = interpolate(text, making.environment, making.room);
  for (const fault of faults.slice(0, shownFaults)) making.diagnostics.push(faultAt(fault, text, node.span));
  if (substituted) making.interpolated.add(pointer);
  if (faults.length > 0) return text;
  making.room -= value.length;
  return value;
}

function faultAt({ index, length, ...fault }: Fault, text: string, span: Span): Diagnostic {
  return { rule: 'interpolation', severity: 'error', ...fault, place: placeOf(spanOf(index, length, text, span)) };
}

/**
 * Where a part of a text stands in the file. Quotes, folding and indentation move it, but every dollar sign is written
 * as itself: the n-th of the value is the n-th of what is written. (An escape such as "\x24" breaks that; then the
 * whole text is meant.)
 */
function spanOf(index: number, length: number, text: string, { source, start, end }: Span): Span {
  const written = source.text.slice(start, end);
  let at = -1;
  for (let dollar = text.indexOf('$'); dollar !== -1 && dollar <= index; dollar = text.indexOf('$', dollar + 1))
    at = written.indexOf('$', at + 1);
  const same = at !== -1 && written.startsWith(text.slice(index, index + 2), at);
  return same ? { source, start: start + at, end: start + at + length } : { source, start, end };
}

function placeAt(root: MapNode, pointer: string, key: boolean): Place {
  let node: PlanNode = root;
  let keySpan: Span | undefined;
  for (const name of pointerKeys(pointer)) {
    const child = childOf(node, name);
    if (!child) break;
    node = child.value;
    // An item of a list has no key: the item itself is as near.
    keySpan = child.key;
  }
  // Of a value that is left empty nothing can be marked but its key.
  const isEmpty = node.span.start === node.span.end;
  return placeOf((key || isEmpty) && keySpan ? keySpan : node.span);
}
