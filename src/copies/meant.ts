/** Whether a backup was to lie at a destination already when it was made. */
import { compareIds } from '../catalog/identity.ts';
import { planKeys } from '../catalog/keys.ts';
import { readManifest } from '../catalog/manifest.ts';
import type { Destination } from '../destination.ts';
import type { Known } from './known.ts';
import type { Stand } from './stand.ts';

/** Bytes; a record of a run with thousands of commands has some. */
const recordLimit = 64 * 1024 * 1024;

/**
 * It was when an older one of the same name lies there, or when the run that made it says so: its record is kept beside the copies
 * that it did write, and stays when they are pruned. A copy that came later has none beside it.
 */
export async function wasMeantFor(
  plan: string,
  { id, backup, good }: Known,
  here: Stand,
  others: readonly Stand[],
): Promise<boolean> {
  const older = here.shelf.entries.find((entry) => entry.backup === backup);
  if (older && compareIds(older.id, id) < 0) return true;
  for (const { stand, entry } of good) {
    const read = await readManifest(stand.destination, entry.manifestKey).catch(() => null);
    if (!read) continue;
    for (const { destination } of new Set([stand, ...others])) {
      const said = await sentTo(destination, planKeys.run(plan, read.manifest.run), backup);
      if (said) return said.includes(here.name);
    }
    return false;
  }
  return false;
}

/** The destinations that a run made a backup for; null where no record tells. */
async function sentTo(destination: Destination, key: string, backup: string): Promise<string[] | null> {
  try {
    const record = JSON.parse(Buffer.from(await destination.read(key, recordLimit)).toString('utf8'));
    const row = record.backups.find(({ name }: { name: string }) => name === backup);
    return Array.isArray(row?.destinations) ? row.destinations : null;
  } catch {
    return null;
  }
}
