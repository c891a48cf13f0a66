/** A damaged copy makes way for a good one, which is taken at its word only after all its bytes were read. */
import { Damaged } from '../../catalog/document.ts';
import { manifestKey } from '../../catalog/keys.ts';
import { removalKeys } from '../../catalog/remove.ts';
import { type Destination, KeyMissing, MayNotDelete } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { textOf } from './errors.ts';
import { stillOurs } from './lease.ts';
import { unchangedManifest } from './manifests.ts';
import type { Work } from './sync-copy.ts';
import { type Along, alongFrom, markDamaged, type Source } from './sync-sources.ts';
import { artifactProblem } from './verify-hash.ts';

/**
 * Deletes what lies at `target` of a backup, once a source is found whose bytes are right; gives the records of it that hold for
 * every copy. Without a tombstone, since the backup is to come back. Rejects where nothing may be deleted.
 */
export async function makeWay(target: Destination, sources: Source[], problems: string[], work: Work): Promise<Along> {
  const { run } = work;
  const [{ manifest, sha256 }] = sources as [Source];
  const { id } = manifest;
  const plan = run.plan.name;
  const own = await unchangedManifest(run, target, id).catch((error: unknown) => {
    if (error instanceof Damaged || error instanceof KeyMissing) return null;
    throw error;
  });
  if (own && own.sha256 !== sha256)
    throw new RunnerError('copy-conflict: the manifest there is another one, so nothing is deleted');
  if (!(await hasWhole(sources, problems, work)))
    throw new RunnerError('the damaged copy there is kept, since no other is whole');
  const along = await alongFrom([{ destination: target, sha256 }], id, run);
  const artifacts = manifest.artifacts.map(({ key }) => key);
  for (const key of [manifestKey(plan, id), ...artifacts]) {
    const why = await target.locked?.(key);
    if (why) throw new MayNotDelete(`the damaged copy there is ${why}`);
  }
  await stillOurs(run, target.name);
  for (const key of await removalKeys(target, plan, id, artifacts)) await target.remove(key);
  run.thinned.add(target.name);
  return along;
}

/** Whether one gives what its manifest says; those before it that do not are out, and marked. */
async function hasWhole(sources: Source[], problems: string[], work: Work): Promise<boolean> {
  for (const source of sources) {
    const { destination, manifest } = source;
    try {
      const problem = await problemOf(source, work);
      if (problem === null) return true;
      problems.push(`${manifest.id} at "${destination.name}": ${problem}`);
      await markDamaged(source, manifest.id, problem, work);
    } catch (error) {
      work.context.signal.throwIfAborted();
      problems.push(`${manifest.id} at "${destination.name}": ${(error as Error).message}`);
    }
    source.isOut = true;
  }
  return false;
}

/**
 * What is still wrong where a damaged copy was replaced; null when all its bytes are right now. A store that keeps equal bytes once
 * takes what is written again for what it has already, and has it as damaged as before.
 */
export async function readAgain(written: Source, work: Work): Promise<string | null> {
  const { destination, manifest } = written;
  const problem = await problemOf(written, work).catch((error: unknown) => {
    work.context.signal.throwIfAborted();
    return textOf(error);
  });
  if (problem === null) return null;
  await markDamaged(written, manifest.id, problem, work);
  return `${manifest.id} was written to "${destination.name}" again, and what comes back is still not right (${problem}): the store itself is damaged, repair it by its own program and sync again`;
}

async function problemOf({ destination, manifest }: Source, { context }: Work): Promise<string | null> {
  for (const artifact of manifest.artifacts) {
    const problem = await artifactProblem(destination, artifact, context);
    if (problem !== null) return problem;
  }
  return null;
}
