/**
 * The journal names what a run may leave behind, before it writes any of it: `.runner/journal/<run>.<id>.json`. When everything
 * but the commit is done, the manifest's exact bytes are put beside it, so that the next run can finish the commit.
 */
import { type Destination, KeyExists } from '../destination.ts';
import { canonicalBytes, Damaged, MadeByNewer, readDocument } from './document.ts';
import { Format, type Journal } from './format.ts';
import { manifestKey, planKeys } from './keys.ts';
import { claimProblem } from './layout.ts';
import { checked, list, matching, members, optional, text, time, wrong } from './shape.ts';

export type OpenJournal = { key: string; journal: Journal };

const sealedSuffix = '.manifest';

/** Where the sealed manifest and its signature wait for the commit. */
export const sealedKey = (journalKey: string): string => `${journalKey.slice(0, -'.json'.length)}${sealedSuffix}`;
export const sealedSignatureKey = (journalKey: string): string => `${sealedKey(journalKey)}.sig`;

/** Writes a journal before anything else of a capture at this destination; returns its key. Refuses keys that are taken. */
export async function writeJournal(destination: Destination, plan: string, journal: Journal): Promise<string> {
  for (const { key } of journal.artifacts) {
    // What a journal names may be deleted: it must not be there yet.
    if (await destination.stat(key))
      throw new KeyExists(`${key} already exists at ${destination.name}; nothing is overwritten.`);
  }
  const key = planKeys.journal(plan, journal.run, journal.id);
  await destination.write(key, canonicalBytes(journal));
  return key;
}

/** Puts the sealed manifest into the journal: from now on an interrupted commit is rolled forward. */
export async function sealJournal(
  destination: Destination,
  journalKey: string,
  manifest: Uint8Array,
  signature: Uint8Array | null,
): Promise<void> {
  if (signature) await destination.write(sealedSignatureKey(journalKey), signature);
  await destination.write(sealedKey(journalKey), manifest);
}

/** The run left nothing unclaimed here: committed, or everything it named is gone. */
export async function closeJournal(destination: Destination, journalKey: string): Promise<void> {
  // The journal goes last: a sealed manifest without its journal would never be found again.
  await destination.remove(sealedKey(journalKey));
  await destination.remove(sealedSignatureKey(journalKey));
  await destination.remove(journalKey);
}

/** All journals of a plan. One that cannot be read becomes a problem: what it names is not known, so nothing is swept. */
export async function openJournals(
  destination: Destination,
  plan: string,
): Promise<{ open: OpenJournal[]; problems: string[]; sealed: Set<string> }> {
  const keys: string[] = [];
  for await (const batch of destination.list(planKeys.journals(plan))) keys.push(...batch.map(({ key }) => key));
  const result: { open: OpenJournal[]; problems: string[] } = { open: [], problems: [] };
  for (const key of keys.filter((name) => name.endsWith('.json')).sort()) {
    try {
      const { value } = await readDocument(destination, key, Format.journal);
      result.open.push({
        key,
        journal: checked<Journal>(value, shapeOf(plan), `The journal ${key} at ${destination.name}`),
      });
    } catch (error) {
      if (!(error instanceof Damaged || error instanceof MadeByNewer)) throw error;
      result.problems.push(error.message);
    }
  }
  return { ...result, sealed: new Set(keys.filter((name) => !name.endsWith('.json'))) };
}

function shapeOf(plan: string) {
  const artifact = members({ key: text, attempt: matching(/^[A-Za-z0-9-]{1,64}$/, 'an attempt') });
  const outer = members({
    run: text,
    backup: text,
    id: text,
    started: time,
    tier: optional(matching(/^(recent|hourly|daily|weekly|monthly|quarterly|yearly)$/, 'a tier')),
    keptUntil: optional(time),
    artifacts: list(artifact),
    manifestKey: text,
  });
  return (value: unknown, at: string) => {
    const { id, manifestKey: named, artifacts } = outer(value, at) as Journal;
    const foreign = artifacts.find(({ key }) => claimProblem(plan, id, key) !== null);
    if (foreign) wrong('artifacts', `its own (${foreign.key.slice(0, 200)})`);
    if (named !== manifestKey(plan, id)) wrong('manifestKey', 'the manifest of its id');
    return value;
  };
}
