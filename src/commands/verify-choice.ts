/**
 * Which copies of a backup `verify` looks at. Damaged ones belong to them: to find those is what it is for, and what it finds
 * is written beside them. How to open the artifact is read from a copy that is still what was committed.
 */
import { Damaged } from '../catalog/document.ts';
import type { Manifest } from '../catalog/format.ts';
import type { Choice } from '../compile/verify.ts';
import { unchangedManifest } from '../execute/actions/manifests.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Row } from './rows.ts';
import type { Place } from './shelves.ts';

type Copy = { destination: string; manifest: Manifest | null };

/** Null when no copy can be looked at at all. Sound copies come first: the levels that open only one open that. */
export async function choiceOf(
  plan: ResolvedPlan,
  row: Row,
  places: Place[],
  warn: (message: string) => void,
): Promise<Choice | null> {
  const copies: Copy[] = [];
  for (const { destination } of row.copies) {
    const place = places.find(({ name }) => name === destination);
    if (!place) continue;
    try {
      const { manifest } = await unchangedManifest({ plan }, place.destination, row.id);
      copies.push({ destination, manifest });
    } catch (error) {
      if (error instanceof Damaged) copies.push({ destination, manifest: null });
      else warn(`the manifest of ${row.id} at ${destination} cannot be read: ${(error as Error).message}`);
    }
  }
  if (copies.length === 0) return null;
  copies.sort((left, right) => Number(left.manifest === null) - Number(right.manifest === null));
  const destinations = copies.map(({ destination }) => destination);
  return { backup: row.backup, id: row.id, manifest: copies[0]!.manifest, destinations };
}

/**
 * The newest committed backup of a name: also one that is not proven yet, since that is what a check is for. Safety copies are
 * passed over: they hold what a restore threw out. Undefined when there is none.
 */
export async function newestChoice(
  plan: ResolvedPlan,
  rows: Row[],
  backup: string,
  places: Place[],
  warn: (message: string) => void,
): Promise<Choice | null | undefined> {
  for (const row of rows.toReversed()) {
    if (row.backup !== backup) continue;
    const choice = await choiceOf(plan, row, places, warn);
    if (choice?.manifest?.purpose !== 'safety') return choice;
  }
  return undefined;
}
