/** The copies of one backup that was named by its id. */
import type { Manifest } from '../catalog/format.ts';
import { parseId } from '../catalog/identity.ts';
import { readManifest } from '../catalog/manifest.ts';
import { readTombstones } from '../catalog/tombstone.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { nearest } from '../plan/nearest.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Copy } from './rows.ts';
import { type Row, rowsOf } from './rows.ts';
import type { Place, Shelves } from './shelves.ts';

export type ReadCopy = { copy: Copy; place: Place; manifest: Manifest; bytes: Uint8Array; sha256: string };

/** The name of the backup that an id speaks of. Throws RunnerError (exit 4) when it is no id. */
export function backupOf(id: string): string {
  const parsed = parseId(id);
  if (parsed) return parsed.backup;
  throw new RunnerError(`"${id}" is no id of a backup; \`runner list\` prints them`, { exitCode: 4 });
}

/** The row of an id. Throws RunnerError (exit 4) when no readable destination holds it. */
export async function findRow(plan: ResolvedPlan, shelves: Shelves, id: string): Promise<Row> {
  const rows = await rowsOf(plan, shelves);
  const row = rows.find((candidate) => candidate.id === id);
  if (row) return row;
  const gone = await deleted(plan, shelves, id);
  if (gone !== null) throw new RunnerError(gone, { exitCode: ExitCode.usage });
  const near = nearest(
    id,
    rows.map((candidate) => candidate.id),
  );
  const hint = near ? `did you mean ${near}?` : '`runner list` prints what is there';
  throw new RunnerError(`no destination holds ${id}; ${hint}`, { exitCode: ExitCode.usage });
}

/** What a tombstone says of an id, or null. */
async function deleted(plan: ResolvedPlan, { places }: Shelves, id: string): Promise<string | null> {
  for (const { name, destination } of places) {
    const tombstone = (await readTombstones(destination, plan.name)).get(id);
    const reasons = tombstone?.deleted.find((one) => one.id === id)?.reasons.join('; ');
    if (tombstone) return `${id} was deleted at ${name} on ${tombstone.time.slice(0, 10)}: ${reasons}`;
  }
  return null;
}

/** The manifest of every copy that has one, whether they are the same or not; those that cannot be read are told by `warn`. */
export async function readEveryCopy(row: Row, places: Place[], warn: (message: string) => void): Promise<ReadCopy[]> {
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
  return found;
}

/** The same where equal bytes are demanded. */
export async function readCopies(row: Row, places: Place[], warn: (message: string) => void): Promise<ReadCopy[]> {
  const found = await readEveryCopy(row, places, warn);
  const other = found.find(({ sha256 }) => sha256 !== found[0]!.sha256);
  if (!other) return found;
  throw new RunnerError(
    `copy-conflict: ${row.id} has different manifests at ${found[0]!.place.name} and ${other.place.name}; find out which is true and read it with --from`,
  );
}

/**
 * The newest committed backup of a name, with its readable copies; null when there is none. Safety copies are passed over:
 * they hold what a restore threw out.
 */
export async function newestOf(
  rows: Row[],
  backup: string,
  places: Place[],
  warn: (message: string) => void,
): Promise<{ row: Row; copies: ReadCopy[] } | null> {
  for (const row of rows.toReversed()) {
    if (row.backup !== backup) continue;
    const copies = await readCopies(row, places, warn);
    if (copies[0]?.manifest.purpose !== 'safety') return { row, copies };
  }
  return null;
}
