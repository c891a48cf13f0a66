/** What is read from the machine and from the destinations before a graph is compiled. */
import type { Shelf } from './catalog/shelf.ts';
import type { Destination, Facts, Inspection } from './kind.ts';
import type { ResolvedPlan } from './plan/resolved.ts';
import type { Item } from './retention/decide.ts';

/** One destination's shelf: `items` by backup name for retention, `blocked` why nothing of a backup may be pruned. */
export type ShelfFacts =
  | { shelf: Shelf; items: Readonly<Record<string, Item[]>>; blocked: Readonly<Record<string, string>> }
  | { unknown: string };

export type RunFacts = Facts & {
  /** By `inspectionKey`. */
  inspections: Readonly<Record<string, Inspection>>;
  /** By destination name. */
  shelves: Readonly<Record<string, ShelfFacts>>;
  now: Date;
};
