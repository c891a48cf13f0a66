import { Damaged, MadeByNewer } from '../../catalog/document.ts';
import { type Destination, KeyMissing } from '../../destination.ts';
import type { RunContext } from './context.ts';
import { unchangedManifest } from './manifests.ts';
import { NotProven, prove, trustFor } from './trust.ts';

/**
 * Why a backup that would be kept instead of others cannot be relied on, or null. Its manifest is opened and its artifact's
 * size compared. A fault of the store is thrown: nothing is deleted then.
 */
export async function unreadable(
  id: string,
  backup: string,
  destination: Destination,
  run: RunContext,
): Promise<string | null> {
  try {
    const read = await unchangedManifest(run, destination, id);
    // A MAC costs as much as guessing a passphrase; the hash in the records stands for it here.
    const { publicKeys } = await trustFor(run, backup);
    if (publicKeys) await prove(read, destination, { publicKeys }, run.plan.name);
    for (const { key, size } of read.manifest.artifacts) {
      const found = await destination.stat(key);
      if (found?.size !== size) return `${key} has ${found?.size ?? 'no'} bytes of ${size}`;
    }
    return null;
  } catch (error) {
    const isItself = [Damaged, KeyMissing, MadeByNewer, NotProven].some((kind) => error instanceof kind);
    if (error instanceof Error && isItself) return error.message;
    throw error;
  }
}
