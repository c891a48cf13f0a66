import type { Span } from './position.ts';

/**
 * A plan as it was written, aliases resolved, before includes and variables: each value with its place. A value
 * behind an alias is the same node wherever it is used, so a node is never changed after it was made.
 */
export type PlanNode = ScalarNode | ListNode | MapNode;

/** `broken`: null in place of something that has been reported, and must lead to no second complaint. */
export type ScalarNode = Measured & {
  kind: 'scalar';
  value: string | number | boolean | null;
  span: Span;
  broken?: true;
};

export type ListNode = Measured & { kind: 'list'; items: PlanNode[]; span: Span };

export type MapNode = Measured & { kind: 'map'; entries: Map<string, Entry>; span: Span };

/** One key of a map: where the key stands, and its value. */
export type Entry = { key: Span; value: PlanNode };

/** `size`: entries in the node and below it; `height`: maps and lists inside each other, itself included. */
type Measured = { size: number; height: number };

export function scalarNode(value: ScalarNode['value'], span: Span): ScalarNode {
  return { kind: 'scalar', value, span, size: 0, height: 0 };
}

export function brokenNode(span: Span): ScalarNode {
  return { ...scalarNode(null, span), broken: true };
}

export function listNode(items: PlanNode[], span: Span): ListNode {
  return { kind: 'list', items, span, ...measure(items) };
}

export function mapNode(entries: Map<string, Entry>, span: Span): MapNode {
  return { kind: 'map', entries, span, ...measure(Array.from(entries.values(), (entry) => entry.value)) };
}

function measure(children: PlanNode[]): Measured {
  let size = children.length;
  let height = 0;
  for (const child of children) {
    size += child.size;
    height = Math.max(height, child.height);
  }
  return { size, height: height + 1 };
}

/** The value one key or index below a node, if there is one; `key` is where its key stands. */
export function childOf(node: PlanNode, key: string): { key?: Span; value: PlanNode } | undefined {
  if (node.kind === 'map') return node.entries.get(key);
  if (node.kind === 'scalar' || !/^\d+$/.test(key)) return undefined;
  const value = node.items[Number(key)];
  return value === undefined ? undefined : { value };
}

/** What a person would call the value, for messages. */
export function describe(node: PlanNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'boolean') return `the boolean ${node.value}`;
  return typeof node.value === 'number' ? `the number ${node.value}` : 'text';
}
