import { Damaged, MadeByNewer } from '../../catalog/document.ts';
import { type Destination, KeyMissing } from '../../destination.ts';
import type { RunContext } from './context.ts';
import { unchangedManifest } from './manifests.ts';
import { NotProven, prove, trustFor } from './trust.ts';
import { hashOf } from './verify-hash.ts';

/**
 * A backup that would be kept instead of others and cannot be relied on. `damaged`: the hash of its manifest where this copy is
 * surely not what was backed up; null where other keys or a newer runner may well open it.
 */
export type Unreliable = { id: string; why: string; damaged: string | null };

/**
 * Null where a backup that would be kept instead of others can be relied on. Its manifest is opened and its artifact's
 * size compared. A fault of the store is thrown: nothing is deleted then.
 */
export async function unreliable(
  id: string,
  backup: string,
  destination: Destination,
  run: RunContext,
): Promise<Unreliable | null> {
  try {
    const read = await unchangedManifest(run, destination, id);
    // A MAC costs as much as guessing a passphrase; the hash in the records stands for it here.
    const { publicKeys } = await trustFor(run, backup);
    if (publicKeys) await prove(read, destination, { publicKeys }, run.plan.name);
    for (const { key, size } of read.manifest.artifacts) {
      const found = await destination.stat(key);
      if (found?.size !== size)
        return { id, why: `${key} has ${found?.size ?? 'no'} bytes of ${size}`, damaged: read.sha256 };
    }
    return null;
  } catch (error) {
    if (error instanceof Damaged)
      return { id, why: error.message, damaged: await hashOf(destination, run.plan.name, id) };
    const isItself = [KeyMissing, MadeByNewer, NotProven].some((kind) => error instanceof kind);
    if (error instanceof Error && isItself) return { id, why: error.message, damaged: null };
    throw error;
  }
}

/** What a person reads of it, with what helps where the copy is damaged. */
export function sentenceOf({ id, why, damaged }: Unreliable, destination: string): string {
  const reason = why.replace(/\.$/, '');
  const said = `${id}: cannot be opened at "${destination}" (${reason}), so nothing is deleted for its sake`;
  if (damaged === null) return said;
  return `${said}; run \`runner verify PLAN --id ${id} --level checksum\` and then \`runner sync PLAN\``;
}
