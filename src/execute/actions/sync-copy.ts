/** One backup comes to one more destination: proven at its source, hashed on the way, committed as a capture is. */
import { parseId } from '../../catalog/identity.ts';
import { manifestKey, signatureKey } from '../../catalog/keys.ts';
import type { Missing } from '../../copies/missing.ts';
import { type Destination, KeyExists, KeyMissing } from '../../destination.ts';
import type { Tier } from '../../retention/policy.ts';
import type { PerformContext } from '../task-context.ts';
import { type Coming, type Copy, openCopy, undoCopies } from './capture-copies.ts';
import type { RunContext } from './context.ts';
import { commitCopy } from './copy-commit.ts';
import { asError, textOf } from './errors.ts';
import type { Found } from './findings.ts';
import { copyPart, Faulty } from './sync-part.ts';
import { makeWay, readAgain } from './sync-replace.ts';
import { type Along, alongFrom, markDamaged, readSources, type Source } from './sync-sources.ts';

export type Target = {
  name: string;
  destination: Destination;
  keptUntil(tiers: readonly Tier[], time: Date): Date | null;
};

export type Work = { run: RunContext; context: PerformContext; onBytes(bytes: number): void };

/** `size`: bytes that were copied, null where it is not there. `isTargetLost`: it takes nothing, so the rest may wait. */
export type Tried = { size: number | null; problems: string[]; isTargetLost: boolean };

/** Takes the best copy; one that turns out damaged is marked so where it lies, and the next is taken. */
export async function copyBackup(
  { id, backup, isDamaged }: Missing,
  target: Target,
  from: readonly Destination[],
  work: Work,
): Promise<Tried> {
  const { run, context } = work;
  const { sources, problems } = await readSources(id, backup, from, work);
  const [best] = sources;
  if (!best) return { size: null, problems, isTargetLost: false };
  const unlike = sources.find(({ sha256 }) => sha256 !== best.sha256);
  if (unlike) {
    const places = `"${best.destination.name}" and "${unlike.destination.name}"`;
    problems.push(`copy-conflict: ${id} differs at ${places}, so it is not copied`);
    return { size: null, problems, isTargetLost: false };
  }
  let kept: Along = [];
  try {
    if (isDamaged) kept = await makeWay(target.destination, sources, problems, work);
  } catch (error) {
    context.signal.throwIfAborted();
    problems.push(`${id} could not be replaced at "${target.name}": ${textOf(error)}`);
    return { size: null, problems, isTargetLost: false };
  }
  const copy = await openCopy(wantedBy(target, best), comingOf(best, run), run, sources.length);
  try {
    const used = copy.error ? [] : await copyParts(copy, sources, problems, work);
    if (used.length > 0) await commit(copy, { best, used, sources, kept, isDamaged }, work);
  } catch (error) {
    copy.error ??= asError(error);
  } finally {
    await undoCopies([copy], run, context);
  }
  context.signal.throwIfAborted();
  if (copy.isCommitted && isDamaged) {
    const still = await readAgain({ ...best, destination: target.destination }, work);
    if (still !== null) return { size: null, problems: [...problems, still], isTargetLost: false };
  }
  if (copy.error) problems.push(`${id} could not be copied to "${target.name}": ${copy.error.message}`);
  const size = best.manifest.artifacts.reduce((sum, artifact) => sum + artifact.size, 0);
  // What lies in the way of this one is not in the way of the others.
  const isTargetLost = copy.error !== null && !(copy.error instanceof KeyExists);
  return { size: copy.isCommitted ? size : null, problems, isTargetLost };
}

function wantedBy({ name, destination, keptUntil }: Target, { manifest }: Source) {
  return { name, destination, keptUntil: keptUntil(manifest.tiers as Tier[], parseId(manifest.id)!.time) };
}

function comingOf({ manifest }: Source, run: RunContext): Coming {
  return {
    id: manifest.id,
    backup: manifest.backup,
    tiers: manifest.tiers as Tier[],
    artifactKeys: manifest.artifacts.map(({ key }) => key),
    partSizes: manifest.artifacts.map(({ size }) => size),
    manifestKey: manifestKey(run.plan.name, manifest.id),
  };
}

/** The names of those that gave the parts; none where one could not be had, or the target failed. */
async function copyParts(copy: Copy, sources: Source[], problems: string[], work: Work): Promise<string[]> {
  const used = new Set<string>();
  const { artifacts, id } = sources[0]!.manifest;
  for (const [part, artifact] of artifacts.entries()) {
    let isThere = false;
    for (const [attempt, source] of sources.entries()) {
      if (source.isOut || isThere) continue;
      try {
        await copyPart(copy, { part, attempt, artifact }, source.destination, work);
        if (copy.error) return [];
        used.add(source.destination.name);
        isThere = true;
      } catch (error) {
        work.context.signal.throwIfAborted();
        source.isOut = true;
        problems.push(`${id} at "${source.destination.name}": ${(error as Error).message}`);
        if (error instanceof Faulty) await markDamaged(source, id, error.message, work);
      }
    }
    if (!isThere) return [];
  }
  return [...used];
}

type Given = { best: Source; used: string[]; sources: Source[]; kept: Along; isDamaged: boolean };

async function commit(copy: Copy, { best, used, sources, kept, isDamaged }: Given, { run, context }: Work) {
  const { manifest, bytes, sha256, destination } = best;
  const signature = await destination.read(signatureKey(run.plan.name, manifest.id), 64 * 1024).catch((error) => {
    if (error instanceof KeyMissing) return null;
    throw error;
  });
  const message = `copied from ${used.join(' and ')}${isDamaged ? ', in place of a damaged copy' : ''}`;
  const mark: Found = { id: manifest.id, finding: 'copy', result: 'set', manifest: sha256, message };
  const given = await alongFrom(sources, manifest.id, run);
  const along = [...given, ...kept.filter(({ key }) => !given.some((one) => one.key === key))];
  const commitment = { manifest, ready: { bytes, sha256, signature }, marks: [mark], along, proof: { at: 'copy' } };
  await commitCopy(copy, commitment, run, context);
}
