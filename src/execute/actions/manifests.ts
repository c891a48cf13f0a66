import { Damaged } from '../../catalog/document.ts';
import { directoryOf, manifestKey, parseKey } from '../../catalog/keys.ts';
import { type ReadManifest, readManifest } from '../../catalog/manifest.ts';
import { readFinding } from '../../catalog/records.ts';
import type { Destination } from '../../destination.ts';
import type { RunContext } from './context.ts';
import { prove, trustFor } from './trust.ts';

/** Older findings are asked for the manifest's hash; a few are enough, since one that fits would prove nothing more. */
const asked = 3;

/**
 * Reads a manifest and proves it as far as today's plan allows. Throws KeyMissing, Damaged (the copy is not what was
 * committed), MadeByNewer, or a RunnerError when it cannot be proven with the keys at hand.
 */
export async function openManifest(
  run: RunContext,
  destination: Destination,
  backup: string,
  id: string,
): Promise<ReadManifest> {
  const read = await unchangedManifest(run, destination, id);
  await prove(read, destination, await trustFor(run, backup), run.plan.name);
  return read;
}

/** Reads a manifest and compares it with what was found of it before; needs no key. */
export async function unchangedManifest(
  run: Pick<RunContext, 'plan'>,
  destination: Destination,
  id: string,
): Promise<ReadManifest> {
  const plan = run.plan.name;
  const read = await readManifest(destination, manifestKey(plan, id));
  const prefix = `${directoryOf(plan, id)}/${id}.`;
  const keys: string[] = [];
  for await (const batch of destination.list(prefix)) keys.push(...batch.map(({ key }) => key));
  const passes = keys.filter((key) => {
    const parsed = parseKey(plan, key);
    return parsed.kind === 'record' && parsed.result === 'pass';
  });
  for (const key of passes.toSorted().slice(0, asked)) {
    const known = await readFinding(destination, key).catch(() => null);
    if (known && known.destination === destination.name && known.manifest !== read.sha256)
      throw new Damaged(`the manifest of ${id} at ${destination.name} was changed after it was committed`);
  }
  return read;
}
