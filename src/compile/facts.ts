/** What compile has to know beside the plan. It is read in src/facts.ts. */
import type { Shelf } from '../catalog/shelf.ts';
import type { Facts, Inspection } from '../kind.ts';
import type { Item } from '../retention/decide.ts';

/**
 * One destination's shelf. By backup name: `items` for retention, `digests` of the names listed, `blocked` why nothing of
 * a backup may be pruned there.
 */
export type ShelfFacts =
  | {
      shelf: Shelf;
      items: Readonly<Record<string, Item[]>>;
      digests: Readonly<Record<string, string>>;
      blocked: Readonly<Record<string, string>>;
    }
  | { unknown: string };

export type RunFacts = Facts & {
  /** By `inspectionKey`. */
  inspections: Readonly<Record<string, Inspection>>;
  /** By destination name. */
  shelves: Readonly<Record<string, ShelfFacts>>;
  now: Date;
};

/** Where the inspection of a backup's transform stands in `inspections`. */
export function inspectionKey(backup: string, index: number): string {
  return `${backup}/${index}`;
}
