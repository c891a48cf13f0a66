import { Damaged } from '../../catalog/document.ts';
import { manifestKey } from '../../catalog/keys.ts';
import type { ReadManifest } from '../../catalog/manifest.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Recipe } from '../../graph.ts';
import { type Destination, KeyMissing } from '../../kind.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import { AssertionFailed } from './assertions.ts';
import { blamesMachine } from './blame-machine.ts';
import type { RunContext } from './context.ts';
import { asError, textOf } from './errors.ts';
import { type Found, record } from './findings.ts';
import { openManifest, unchangedManifest } from './manifests.ts';
import { type Opened, openArtifact } from './open-artifact.ts';
import { artifactProblem, hashOf } from './verify-hash.ts';
import type { Sites, VerifyAction } from './verify-sites.ts';

/** `damage` is of this copy alone; `content` of every copy with the same bytes. */
type Wrong = { kind: 'damage' | 'content'; problem: string };

/**
 * Opens one copy with the keys at hand, to its last byte (`content`), or restores and questions it (`restore`). A pass or a
 * failure of what is inside holds for every copy with the same manifest. What only the machine is to blame for is no
 * finding: the task fails, and nothing is proven.
 */
export async function verifyByOpening(
  action: VerifyAction,
  id: string,
  sites: Sites,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const destination = await holderOf(id, sites, run);
  const { level, backup } = action;
  const told = { event: 'verified', task: context.id, backup, id, level } as const;
  let read: ReadManifest;
  try {
    read = await openManifest(run, destination, backup, id);
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    const manifest = await hashOf(destination, run.plan.name, id);
    const found: Found = { id, finding: level, result: 'fail', manifest, message: error.message };
    await keep([destination], found, run, context);
    context.emit({ ...told, result: 'fail', message: error.message });
    throw error;
  }
  const outcome = await openCopy(action, destination, read, run, context);
  const isWrong = 'kind' in outcome;
  const places =
    isWrong && outcome.kind === 'damage' ? [destination] : await sameCopies(id, read.sha256, destination, sites, run);
  const result = isWrong ? 'fail' : 'pass';
  const message = isWrong ? { message: outcome.problem } : {};
  const details = isWrong ? {} : { details: detailsOf(outcome) };
  // What a restore threw out must not come to be counted as good.
  if (isWrong || read.manifest.purpose !== 'safety')
    await keep(places, { id, finding: level, result, manifest: read.sha256, ...message, ...details }, run, context);
  context.emit({ ...told, result, ...message });
  if (isWrong) throw new RunnerError(`${id} did not pass ${level} at "${destination.name}": ${outcome.problem}`);
  return outcome.notes.length > 0 ? { outcome: 'warned', message: outcome.notes.join('; ') } : {};
}

/** The first destination that holds it. */
async function holderOf(id: string, sites: Sites, run: RunContext): Promise<Destination> {
  const faults = sites.down.map(({ name, error }) => `"${name}": ${error.message}`);
  for (const destination of sites.up) {
    try {
      if (await destination.stat(manifestKey(run.plan.name, id))) return destination;
    } catch (error) {
      faults.push(`"${destination.name}": ${textOf(error)}`);
    }
  }
  const names = sites.up.map(({ name }) => name).join(', ');
  throw new RunnerError(
    faults.length > 0 ? `${id} could not be read: ${faults.join('; ')}` : `${id} does not lie at ${names}`,
  );
}

async function openCopy(
  action: VerifyAction,
  destination: Destination,
  { manifest }: ReadManifest,
  run: RunContext,
  context: PerformContext,
): Promise<Opened | Wrong> {
  const artifact = manifest.artifacts[0];
  if (!artifact) return { kind: 'content', problem: 'its manifest names no artifact' };
  const { key, size, sha256 } = artifact;
  const damage = async (): Promise<Wrong | null> => {
    const problem = await artifactProblem(destination, artifact, context);
    return problem === null ? null : { kind: 'damage', problem };
  };
  // A restore runs what is inside; so its bytes are proven before any of them is used.
  const early = action.level === 'restore' ? await damage() : null;
  if (early) return early;
  const recipe: Recipe = action.recipe ?? { intake: { discard: true } };
  try {
    const source = await destination.get(key);
    const { decode, assert } = action;
    const opened = await openArtifact({ source, expected: { size, sha256 }, decode, recipe, assert }, run, context);
    if (opened.plain.size === 0) return { kind: 'content', problem: 'it holds no data at all' };
    const { plainSize } = manifest;
    if (plainSize !== null && plainSize !== opened.plain.size)
      return { kind: 'content', problem: `it holds ${opened.plain.size} bytes of ${plainSize}` };
    return opened;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof AssertionFailed) return { kind: 'content', problem: error.message };
    if (error instanceof KeyMissing) return { kind: 'damage', problem: `${key} is missing` };
    const damaged = await damage();
    if (damaged) return damaged;
    const problem = textOf(error);
    if (!blamesMachine(error)) return { kind: 'content', problem };
    throw new RunnerError(`${manifest.id} is unproven, its bytes are those that were stored: ${problem}`, {
      cause: error,
    });
  }
}

/** All copies whose manifests are the same byte for byte: what is true of one is true of them. */
async function sameCopies(
  id: string,
  sha256: string,
  checked: Destination,
  sites: Sites,
  run: RunContext,
): Promise<Destination[]> {
  const same = [checked];
  for (const destination of sites.up) {
    if (destination === checked) continue;
    const other = await unchangedManifest(run, destination, id).catch(() => null);
    if (other?.sha256 === sha256) same.push(destination);
  }
  return same;
}

/** A pass that cannot be written is not one; a failure is told in any case. */
async function keep(places: Destination[], found: Found, run: RunContext, context: PerformContext): Promise<void> {
  for (const destination of places) {
    try {
      await record(found, destination, run);
    } catch (error) {
      const message = `what was found of ${found.id} could not be kept at "${destination.name}": ${asError(error).message}`;
      context.emit({ event: 'notice', level: 'warning', task: context.id, message });
      if (found.result === 'pass' && destination === places[0]) throw error;
    }
  }
}

function detailsOf({ artifact, plain, values }: Opened): Record<string, unknown> {
  return {
    size: artifact.size,
    plainSize: plain.size,
    ...(Object.keys(values).length > 0 ? { asserted: values } : {}),
  };
}
