/** The copies of one backup that another one can be made from. */
import { Damaged } from '../../catalog/document.ts';
import type { Finding } from '../../catalog/format.ts';
import { directoryOf, parseKey } from '../../catalog/keys.ts';
import type { ReadManifest } from '../../catalog/manifest.ts';
import { readFinding } from '../../catalog/records.ts';
import type { Destination } from '../../destination.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { record } from './findings.ts';
import { unchangedManifest } from './manifests.ts';
import type { Work } from './sync-copy.ts';
import { prove, trustFor } from './trust.ts';
import { hashOf } from './verify-hash.ts';

/** `isOut`: it did not give what its manifest says. */
export type Source = ReadManifest & { destination: Destination; isOut: boolean };

/** Those whose manifests can be read and are by whom the plan says, in the order given; of the others it is told why. */
export async function readSources(
  id: string,
  backup: string,
  from: readonly Destination[],
  work: Work,
): Promise<{ sources: Source[]; problems: string[] }> {
  const sources: Source[] = [];
  const problems: string[] = [];
  for (const destination of from) {
    try {
      const read = await unchangedManifest(work.run, destination, id);
      // Equal bytes are proven once: a MAC costs as much as a guess at its passphrase.
      if (!sources.some(({ sha256 }) => sha256 === read.sha256))
        await prove(read, destination, await trustFor(work.run, backup), work.run.plan.name);
      sources.push({ ...read, destination, isOut: false });
    } catch (error) {
      problems.push(`${id} at "${destination.name}": ${textOf(error)}`);
      if (!(error instanceof Damaged)) continue;
      const sha256 = await hashOf(destination, work.run.plan.name, id);
      await markDamaged({ destination, sha256 }, id, error.message, work);
    }
  }
  return { sources, problems };
}

/** So that it is never taken for a good one again, by nobody. */
export async function markDamaged(
  { destination, sha256 }: Pick<Source, 'destination' | 'sha256'>,
  id: string,
  message: string,
  { run, context }: Pick<Work, 'run' | 'context'>,
): Promise<void> {
  try {
    await record({ id, finding: 'checksum', result: 'fail', manifest: sha256, message }, destination, run);
  } catch (error) {
    const told = `what was found of ${id} could not be kept at "${destination.name}": ${textOf(error)}`;
    context.emit({ event: 'notice', level: 'warning', task: context.id, message: told });
  }
}

/** What was found of the backup itself, and what a person said of it; a checksum speaks of one copy alone. */
const shared: readonly Finding[] = ['content', 'restore', 'drill', 'anomaly', 'accept', 'forget', 'pin', 'unpin'];

/** Records, by their keys. */
export type Along = { key: string; bytes: Uint8Array }[];

/** Records that hold for every copy with the same manifest, as they are. */
export async function alongFrom(
  sources: readonly Pick<Source, 'destination' | 'sha256'>[],
  id: string,
  run: RunContext,
): Promise<Along> {
  const plan = run.plan.name;
  const found = new Map<string, Uint8Array>();
  for (const { destination, sha256 } of sources) {
    for await (const batch of destination.list(`${directoryOf(plan, id)}/${id}.`)) {
      for (const { key, size } of batch) {
        const parsed = parseKey(plan, key);
        if (parsed.kind !== 'record' || !shared.includes(parsed.finding) || found.has(key)) continue;
        const known = await readFinding(destination, key).catch(() => null);
        if (known?.manifest === sha256) found.set(key, await destination.read(key, size));
      }
    }
  }
  return [...found].map(([key, bytes]) => ({ key, bytes }));
}
