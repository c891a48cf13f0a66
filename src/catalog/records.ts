/** What was learnt of a backup after its commit: one write-once file a finding, told by its name. */

import type { Destination } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { canonicalBytes, readDocument } from './document.ts';
import { type FindingRecord, Format } from './format.ts';
import { newNonce, stampOf, timeOfStamp } from './identity.ts';
import { parseKey, recordKey } from './keys.ts';
import { checked, hex, matching, members, optional, text, time } from './shape.ts';
import type { ShelfEntry } from './shelf.ts';

/**
 * Writes a finding beside its backup and returns its key. With `entry`, its stamp is later than that of every record the
 * entry is known to have, so that an `accept` or `unpin` answers what it was meant to answer.
 */
export async function writeFinding(
  destination: Destination,
  plan: string,
  record: FindingRecord,
  entry: Pick<ShelfEntry, 'records'> | null = null,
): Promise<string> {
  const newest = entry?.records.at(-1)?.stamp;
  const after = newest === undefined ? 0 : timeOfStamp(newest)!.getTime() + 1000;
  const stamp = stampOf(new Date(Math.max(Date.parse(record.time), after)));
  const key = recordKey(plan, record.id, record.finding, record.result, stamp, newNonce());
  await destination.write(key, canonicalBytes(record));
  return key;
}

/** Reads a finding. Throws RunnerError when it is damaged or does not say what its name says. */
export async function readFinding(destination: Destination, key: string): Promise<FindingRecord> {
  const { value } = await readDocument(destination, key, Format.record);
  const record = checked<FindingRecord>(value, shape, `The record ${key} at ${destination.name}`);
  const named = parseKey(key.split('/')[0]!, key);
  const same =
    named.kind === 'record' &&
    named.id === record.id &&
    named.finding === record.finding &&
    named.result === record.result;
  if (same) return record;
  throw new RunnerError(`The record ${key} at ${destination.name} is damaged: its name and its contents differ.`);
}

const shape = members({
  id: text,
  finding: matching(/^[a-z]+$/, 'a finding'),
  result: matching(/^(pass|fail|set)$/, 'a result'),
  time,
  run: text,
  manifest: hex,
  destination: text,
  message: optional(text),
  until: optional(time),
});
