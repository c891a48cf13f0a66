import { sizeOf } from '../../catalog/artifacts.ts';
import { type Artifact, Format, type Journal, type Manifest } from '../../catalog/format.ts';
import { newNonce } from '../../catalog/identity.ts';
import { closeJournal, sealJournal, writeJournal } from '../../catalog/journal.ts';
import { planKeys, signatureKey } from '../../catalog/keys.ts';
import { removalKeys } from '../../catalog/remove.ts';
import { type Destination, KeyMissing, type Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { PerformContext } from '../task-context.ts';
import type { Sealed } from './capture-manifest.ts';
import type { Place } from './capture-place.ts';
import type { RunContext } from './context.ts';
import { asError, textOf } from './errors.ts';
import { type Found, record } from './findings.ts';
import { stillOurs } from './lease.ts';

/** One destination's copy on its way. `error` is set when it is out; what it left is undone in the end. */
export type Copy = {
  name: string;
  destination: Destination;
  /** One for each part, in their order; null until its turn has come. */
  sinks: (Sink | null)[];
  journal: Journal;
  journalKey: string;
  /** Whether the journal may be there. */
  isJournalled: boolean;
  /** Parts that are durable and of which the store counts as many bytes as were sent. */
  prepared: number;
  /** Keys that this run has claimed. */
  published: string[];
  isCommitted: boolean;
  error: Error | null;
};

/** Names in a journal at each destination all that may come to lie there. */
export async function openCopies(place: Place, run: RunContext): Promise<Copy[]> {
  return await Promise.all(place.wanted.map((one) => openCopy(one, place, run)));
}

async function openCopy({ name, destination }: Place['wanted'][number], place: Place, run: RunContext): Promise<Copy> {
  const { id } = place;
  const journal: Journal = {
    format: Format.journal,
    run: run.run,
    backup: place.backup,
    id,
    started: new Date().toISOString(),
    artifacts: place.artifactKeys.map((key) => ({ key, attempt: newNonce() })),
    manifestKey: place.manifestKey,
  };
  const journalKey = planKeys.journal(run.plan.name, run.run, id);
  const copy: Copy = {
    name,
    destination,
    sinks: journal.artifacts.map(() => null),
    journal,
    journalKey,
    isJournalled: false,
    prepared: 0,
    published: [],
    isCommitted: false,
    error: null,
  };
  try {
    await stillOurs(run, name);
    copy.isJournalled = true;
    await writeJournal(destination, run.plan.name, journal);
  } catch (error) {
    copy.error = asError(error);
  }
  return copy;
}

/** Opens the sinks of one part at every destination that is still in. */
export async function openSinks(copies: Copy[], part: number): Promise<{ name: string; sink: Sink }[]> {
  const opened = await Promise.all(
    copies.map(async (copy) => {
      if (copy.error) return [];
      try {
        const { key, attempt } = copy.journal.artifacts[part]!;
        const sink = await copy.destination.put(key, attempt);
        copy.sinks[part] = sink;
        return [{ name: copy.name, sink }];
      } catch (error) {
        copy.error = asError(error);
        return [];
      }
    }),
  );
  return opened.flat();
}

/** All bytes of one part durable at every destination that is still in, and the store counts as many as were sent. */
export async function prepareCopies(copies: Copy[], part: number, size: number): Promise<void> {
  await Promise.all(
    copies.map(async (copy) => {
      const sink = copy.sinks[part];
      if (copy.error || !sink) return;
      try {
        const stored = await sink.prepare();
        if (stored.size !== size) throw new RunnerError(`it stored ${stored.size} bytes of the ${size} that were sent`);
        copy.prepared += 1;
      } catch (error) {
        copy.error = asError(error);
      }
    }),
  );
}

export type Commit = { place: Place; manifest: Manifest; ready: Sealed; marks: Found[] };

/** Claims the keys of all artifacts, then writes the signature and, last, the manifest, and reads it back. */
export async function commitCopy(copy: Copy, commit: Commit, run: RunContext, context: PerformContext): Promise<void> {
  const { destination, name } = copy;
  const { place, manifest, ready, marks } = commit;
  if (copy.error || copy.prepared < copy.sinks.length) return;
  try {
    context.signal.throwIfAborted();
    await stillOurs(run, name);
    await sealJournal(destination, copy.journalKey, ready.bytes, ready.signature);
    for (const [part, sink] of copy.sinks.entries()) {
      await sink!.publish();
      copy.published.push(copy.journal.artifacts[part]!.key);
    }
    for (const mark of marks) await record(mark, destination, run);
    if (ready.signature) await destination.write(signatureKey(run.plan.name, manifest.id), ready.signature);
    // Its holder may have been suspended since: a run that took over must not find our manifest appear.
    await stillOurs(run, name);
    await writeManifest(destination, place.manifestKey, ready.bytes);
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
async function writeManifest(destination: Destination, key: string, bytes: Uint8Array): Promise<void> {
  const failure = await destination.write(key, bytes).then(
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
async function markCommitted(
  copy: Copy,
  { manifest, ready }: Commit,
  run: RunContext,
  context: PerformContext,
): Promise<void> {
  const details = { at: 'commit' };
  const mark: Found = { id: manifest.id, finding: 'checksum', result: 'pass', manifest: ready.sha256, details };
  try {
    if (manifest.purpose === 'backup') await record(mark, copy.destination, run);
    await closeJournal(copy.destination, copy.journalKey);
  } catch (error) {
    tell(copy, `${manifest.id} is committed, and the next run puts its journal in order: ${textOf(error)}`, context);
  }
}

/** Removes exactly what an uncommitted copy may have left. What cannot be removed now, the next run removes. */
export async function undoCopies(copies: Copy[], run: RunContext, context: PerformContext): Promise<void> {
  await Promise.all(
    copies.map(async (copy) => {
      if (copy.isCommitted) return;
      try {
        for (const sink of copy.sinks) await sink?.abort();
        if (copy.published.length > 0) await removePublished(copy, run);
        if (copy.isJournalled) await closeJournal(copy.destination, copy.journalKey);
      } catch (error) {
        tell(copy, `what was begun there is removed by the next run: ${textOf(error)}`, context);
      }
    }),
  );
}

/** The manifest first: without it nothing that is left can be taken for a backup. */
async function removePublished({ destination, journal, published }: Copy, run: RunContext): Promise<void> {
  const keys = await removalKeys(destination, run.plan.name, journal.id, published);
  for (const key of keys) await destination.remove(key);
}

function tell({ name }: Copy, text: string, context: PerformContext): void {
  const message = `destination "${name}": ${text}`;
  context.emit({ event: 'notice', level: 'warning', task: context.id, message });
}
