/**
 * Whether a manifest is the one that was committed. Its records name its SHA-256, so that a changed bit is found also where
 * nothing is signed and only one copy exists.
 */
import type { Destination } from '../kind.ts';
import type { ReadManifest } from './manifest.ts';
import { readFinding } from './records.ts';
import type { ShelfEntry } from './shelf.ts';

/** Records that are asked: all say the same unless something is wrong. */
const mostWitnesses = 5;

/** One sentence when a record speaks of another manifest than this one, else null. */
export async function witnessProblem(
  destination: Destination,
  entry: ShelfEntry,
  { sha256 }: ReadManifest,
): Promise<string | null> {
  for (const { key } of entry.records.slice(0, mostWitnesses)) {
    const { manifest } = await readFinding(destination, key);
    if (manifest === sha256) continue;
    return `The manifest of ${entry.id} at ${destination.name} was changed after its commit: ${key} speaks of ${manifest.slice(0, 12)}…, it is ${sha256.slice(0, 12)}… now.`;
  }
  return null;
}
