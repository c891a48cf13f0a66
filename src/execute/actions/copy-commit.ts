/** The commit of one copy: keys claimed, what is known of it, its signature, and last the manifest. */
import { sizeOf } from '../../catalog/artifacts.ts';
import type { Artifact, Manifest } from '../../catalog/format.ts';
import { closeJournal, sealJournal } from '../../catalog/journal.ts';
import { signatureKey } from '../../catalog/keys.ts';
import { type Destination, KeyMissing, type Placement } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { PerformContext } from '../task-context.ts';
import { type Copy, tell } from './capture-copies.ts';
import type { Sealed } from './capture-manifest.ts';
import type { RunContext } from './context.ts';
import { asError, textOf } from './errors.ts';
import { type Found, record } from './findings.ts';
import { stillOurs } from './lease.ts';

/** `along`: records of another copy that hold for this one too, as they are. `proof`: what the mark of the commit says of it. */
export type Commit = {
  manifest: Manifest;
  ready: Sealed;
  marks: Found[];
  along?: { key: string; bytes: Uint8Array }[];
  proof: Record<string, unknown>;
};

/** Writes what is known of it, claims the keys of all artifacts, then writes the signature and, last, the manifest, and reads it back. */
export async function commitCopy(copy: Copy, commit: Commit, run: RunContext, context: PerformContext): Promise<void> {
  const { destination, name, journal } = copy;
  const { manifest, ready, marks, along = [] } = commit;
  if (copy.error || copy.prepared < copy.sinks.length) return;
  const placement: Placement = { ...copy.placements[0]!, expected: ready.bytes.length };
  try {
    context.signal.throwIfAborted();
    await stillOurs(run, name);
    // Before the journal is sealed: who finishes this commit for us has no records to write.
    copy.isMarked = true;
    for (const mark of marks) await record(mark, destination, run);
    for (const { key, bytes } of along) await destination.write(key, bytes);
    await sealJournal(destination, copy.journalKey, ready.bytes, ready.signature);
    for (const [part, sink] of copy.sinks.entries()) {
      await sink!.publish();
      copy.published.push(journal.artifacts[part]!.key);
    }
    if (ready.signature) await destination.write(signatureKey(run.plan.name, manifest.id), ready.signature, placement);
    // Its holder may have been suspended since: a run that took over must not find our manifest appear.
    await stillOurs(run, name);
    await writeManifest(destination, journal.manifestKey, ready.bytes, placement);
    copy.isCommitted = true;
  } catch (error) {
    copy.error = asError(error);
    return;
  }
  await markCommitted(copy, commit, run, context);
  const { backup, id } = manifest;
  context.emit({ event: 'committed', task: context.id, backup, id, destination: name, ...summary(manifest) });
}

/** What a backup is, for an event or a hook: keys and hashes of several artifacts stand one a line, the size is of all. */
export function summary(manifest: Manifest): { key: string; size: number; sha256: string } {
  const lines = (of: (artifact: Artifact) => string) => manifest.artifacts.map(of).join('\n');
  return { key: lines(({ key }) => key), size: sizeOf(manifest), sha256: lines(({ sha256 }) => sha256) };
}

/** Whatever the store answered, what can be read back is what counts. */
async function writeManifest(
  destination: Destination,
  key: string,
  bytes: Uint8Array,
  placement: Placement,
): Promise<void> {
  const failure = await destination.write(key, bytes, placement).then(
    () => null,
    (error: unknown) => asError(error),
  );
  const found = await readBack(destination, key, bytes.length);
  if (found && Buffer.compare(found, bytes) === 0) return;
  throw failure ?? new RunnerError(`the manifest ${key} could not be read back as it was written`);
}

async function readBack(destination: Destination, key: string, size: number): Promise<Uint8Array | null> {
  try {
    return await destination.read(key, size + 1);
  } catch (error) {
    if (error instanceof KeyMissing) return null;
    throw error;
  }
}

/**
 * The positive mark of the commit: what was sent was hashed, and the store holds as many bytes. A safety copy gets none, so
 * that it takes no slot of a retention.
 */
async function markCommitted(copy: Copy, commit: Commit, run: RunContext, context: PerformContext): Promise<void> {
  const { manifest, ready, proof: details } = commit;
  const mark: Found = { id: manifest.id, finding: 'checksum', result: 'pass', manifest: ready.sha256, details };
  try {
    if (manifest.purpose === 'backup') await record(mark, copy.destination, run);
    await closeJournal(copy.destination, copy.journalKey);
  } catch (error) {
    tell(copy, `${manifest.id} is committed, and the next run puts its journal in order: ${textOf(error)}`, context);
  }
}
