/**
 * Puts in order what an interrupted run left. A backup whose sealed manifest lies in the journal and whose bytes agree with it
 * is committed; of any other exactly the journalled keys are removed. Nothing else is ever swept: an artifact that no journal
 * names is reported as an orphan, so that a lost manifest never deletes a backup.
 */
import { createHash } from 'node:crypto';
import { type Destination, KeyMissing, MayNotDelete, type Placement } from '../destination.ts';
import { Damaged, MadeByNewer, sizeLimit } from './document.ts';
import { Format, type Journal, type Manifest } from './format.ts';
import { closeJournal, type OpenJournal, openJournals, sealedKey, sealedSignatureKey } from './journal.ts';
import { directoryOf, manifestKey, signatureKey } from './keys.ts';
import { parseManifest, readManifest, sha256Of } from './manifest.ts';
import { writeFinding } from './records.ts';
import { removalKeys } from './remove.ts';

export type Settled = {
  /** Ids whose commit was finished, now or by the run itself. */
  committed: string[];
  /** Ids of which everything journalled was removed. */
  removed: string[];
  /** A sentence each: what could not be settled and was left as it is. */
  problems: string[];
};

export type SettleOptions = {
  /** This run: its own journals are left alone. */
  run: string;
  /** Runs before each commit and each removal; throws when another run holds the lease. */
  stillOurs(): Promise<void>;
  /** The time of the records that are written. */
  now: Date;
};

type SealedManifest = { manifest: Manifest; bytes: Uint8Array };

/** Settles every journal of a plan at one destination but this run's own. */
export async function settle(destination: Destination, plan: string, o: SettleOptions): Promise<Settled> {
  const { open, problems, sealed } = await openJournals(destination, plan);
  const settled: Settled = { committed: [], removed: [], problems };
  for (const journal of open.filter((entry) => entry.journal.run !== o.run)) {
    await o.stillOurs();
    try {
      await settleOne(destination, plan, journal, sealed.has(sealedKey(journal.key)), o, settled);
    } catch (error) {
      if (!(error instanceof Damaged || error instanceof MadeByNewer || error instanceof MayNotDelete)) throw error;
      settled.problems.push(error.message);
    }
  }
  return settled;
}

async function settleOne(
  destination: Destination,
  plan: string,
  open: OpenJournal,
  sealed: boolean,
  o: SettleOptions,
  settled: Settled,
): Promise<void> {
  const { journal, key } = open;
  const claimed = await destination.stat(journal.manifestKey);
  const waiting = sealed ? await readSealed(destination, key, journal.id) : null;
  if (claimed) {
    // Its commit point was reached: whatever the journal says, this is a backup.
    const read = await readManifest(destination, journal.manifestKey);
    if (waiting && sha256Of(waiting.bytes) !== read.sha256) {
      throw new Damaged(
        `copy-conflict: ${journal.manifestKey} at ${destination.name} is not what its run was about to write.`,
      );
    }
    await finish(destination, plan, read, o);
    await removeAttempts(destination, journal);
    settled.committed.push(journal.id);
    return await closeJournal(destination, key);
  }
  if (waiting && (await agrees(destination, waiting.manifest))) {
    await o.stillOurs();
    await commit(destination, plan, open, waiting);
    await finish(destination, plan, waiting, o);
    await removeAttempts(destination, journal);
    settled.committed.push(journal.id);
    return await closeJournal(destination, key);
  }
  await o.stillOurs();
  await removeAttempts(destination, journal);
  for (const artifact of journal.artifacts) await destination.remove(artifact.key);
  // What was already written of it beside the manifest that never came: its signature and records.
  const keys = await removalKeys(destination, plan, journal.id, []);
  for (const left of keys.filter((name) => name !== journal.manifestKey)) await destination.remove(left);
  settled.removed.push(journal.id);
  await closeJournal(destination, key);
}

/** Temporary names: also a committed artifact may still have one, when its run died between link and unlink. */
async function removeAttempts(destination: Destination, { artifacts }: Journal): Promise<void> {
  for (const { key, attempt } of artifacts) await destination.removeAttempt(key, attempt);
}

/** Null when the sealed manifest is damaged: the commit cannot be finished by it. */
async function readSealed(destination: Destination, journalKey: string, id: string): Promise<SealedManifest | null> {
  try {
    const bytes = await destination.read(sealedKey(journalKey), sizeLimit);
    const manifest = parseManifest(bytes, `The journalled manifest of ${id}`);
    return manifest.id === id ? { manifest, bytes } : null;
  } catch (error) {
    if (error instanceof Damaged) return null;
    throw error;
  }
}

/** Size and SHA-256 of every artifact, read back through the destination. */
async function agrees(destination: Destination, manifest: Manifest): Promise<boolean> {
  for (const artifact of manifest.artifacts) {
    const found = await destination.stat(artifact.key);
    if (found?.size !== artifact.size) return false;
    const hash = createHash('sha256');
    for await (const chunk of await destination.get(artifact.key)) hash.update(chunk as Uint8Array);
    if (hash.digest('hex') !== artifact.sha256) return false;
  }
  return true;
}

async function commit(
  destination: Destination,
  plan: string,
  { key, journal }: OpenJournal,
  { manifest, bytes }: SealedManifest,
) {
  const { tier = 'recent', keptUntil } = journal;
  const placement: Placement = {
    expected: bytes.length,
    tier: tier as Placement['tier'],
    keptUntil: keptUntil === undefined ? null : new Date(keptUntil),
  };
  const signature = await readOptional(destination, sealedSignatureKey(key));
  if (signature) await destination.write(signatureKey(plan, manifest.id), signature, placement);
  await destination.write(manifestKey(plan, manifest.id), bytes, placement);
}

/** The positive mark of the commit, which the run had no time to write. A safety copy has none: it fills no slot. */
async function finish(destination: Destination, plan: string, { manifest, bytes }: SealedManifest, o: SettleOptions) {
  if (manifest.purpose === 'safety') return;
  const prefix = `${directoryOf(plan, manifest.id)}/${manifest.id}.checksum-`;
  for await (const batch of destination.list(prefix)) if (batch.length > 0) return;
  if (!(await agrees(destination, manifest))) return;
  await writeFinding(destination, plan, {
    format: Format.record,
    id: manifest.id,
    finding: 'checksum',
    result: 'pass',
    time: o.now.toISOString(),
    run: o.run,
    manifest: sha256Of(bytes),
    destination: destination.name,
    message: 'an interrupted commit was finished',
  });
}

async function readOptional(destination: Destination, key: string): Promise<Uint8Array | null> {
  try {
    return await destination.read(key, 64 * 1024);
  } catch (error) {
    if (error instanceof KeyMissing) return null;
    throw error;
  }
}
