/** The copies of one backup that was named by its id. */
import type { Manifest } from '../catalog/format.ts';
import { parseId } from '../catalog/identity.ts';
import { readManifest } from '../catalog/manifest.ts';
import { RunnerError } from '../diagnostic.ts';
import { nearest } from '../plan/nearest.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Copy } from './rows.ts';
import { type Row, rowsOf } from './rows.ts';
import type { Place, Shelves } from './shelves.ts';

export type Found = { row: Row; places: Place[] };
export type ReadCopy = { copy: Copy; place: Place; manifest: Manifest; bytes: Uint8Array; sha256: string };

/** The name of the backup that an id speaks of. Throws RunnerError (exit 4) when it is no id. */
export function backupOf(id: string): string {
  const parsed = parseId(id);
  if (parsed) return parsed.backup;
  throw new RunnerError(`"${id}" is no id of a backup; \`runner list\` prints them`, { exitCode: 4 });
}

/** The row of an id. Throws RunnerError (exit 4) when no readable destination holds it. */
export function findRow(plan: ResolvedPlan, shelves: Shelves, id: string): Row {
  const rows = rowsOf(plan, shelves.places);
  const row = rows.find((candidate) => candidate.id === id);
  if (row) return row;
  const near = nearest(
    id,
    rows.map((candidate) => candidate.id),
  );
  const hint = near ? `did you mean ${near}?` : '`runner list` prints what is there';
  const gone = shelves.places.some(({ shelf }) => shelf.pruned.has(id));
  const what = gone ? `${id} was deleted` : `no destination holds ${id}`;
  throw new RunnerError(`${what}; ${hint}`, { exitCode: 4 });
}

/** The manifest of every copy that has one; those that cannot be read are told by `warn`. Equal bytes are demanded. */
export async function readCopies(row: Row, places: Place[], warn: (message: string) => void): Promise<ReadCopy[]> {
  const found: ReadCopy[] = [];
  for (const copy of row.copies) {
    const place = places.find(({ name }) => name === copy.destination);
    if (!place) continue;
    try {
      found.push({ copy, place, ...(await readManifest(place.destination, copy.entry.manifestKey)) });
    } catch (error) {
      warn(`the manifest of ${row.id} at ${place.name} cannot be read: ${(error as Error).message}`);
    }
  }
  const other = found.find(({ sha256 }) => sha256 !== found[0]!.sha256);
  if (!other) return found;
  throw new RunnerError(
    `copy-conflict: ${row.id} has different manifests at ${found[0]!.place.name} and ${other.place.name}; find out which is true and read it with --from`,
  );
}
