import { answersOf, artifactOf, partLabel, partOf, plainSizeOf } from '../../catalog/artifacts.ts';
import { Damaged } from '../../catalog/document.ts';
import type { Artifact, Manifest } from '../../catalog/format.ts';
import { manifestKey } from '../../catalog/keys.ts';
import type { ReadManifest } from '../../catalog/manifest.ts';
import { type Destination, KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Level, PartId, VerifyPart } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import { AssertionFailed } from './assertions.ts';
import { blamesMachine, lacksHere } from './blame-machine.ts';
import type { RunContext } from './context.ts';
import { asError, textOf } from './errors.ts';
import { type Found, record } from './findings.ts';
import { openManifest, unchangedManifest } from './manifests.ts';
import { type Opened, openArtifact } from './open-artifact.ts';
import { Unproven } from './unproven.ts';
import { artifactProblem, hashOf } from './verify-hash.ts';
import type { Sites, VerifyAction } from './verify-sites.ts';

/** `damage` is of this copy alone; `content` of every copy with the same bytes. */
type Wrong = { kind: 'damage' | 'content'; problem: string };
/** All artifacts together. */
type OpenedCopy = { size: number; plainSize: number | null; values: Record<string, string>; notes: string[] };

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

/** Opens each artifact that the manifest names, one after another. */
async function openCopy(
  action: VerifyAction,
  destination: Destination,
  { manifest }: ReadManifest,
  run: RunContext,
  context: PerformContext,
): Promise<OpenedCopy | Wrong> {
  if (manifest.artifacts.length === 0) return { kind: 'content', problem: 'its manifest names no artifact' };
  const all: OpenedCopy = { size: 0, plainSize: 0, values: {}, notes: [] };
  for (const artifact of manifest.artifacts) {
    const part = partFor(action, manifest, artifact);
    const label = partLabel(partOf(artifact));
    const opened = await openPart(action.level, part, { destination, manifest, artifact }, run, context);
    if ('kind' in opened) return label === '' ? opened : { ...opened, problem: `${label}: ${opened.problem}` };
    const named = Object.entries(opened.values).map(([title, value]) => [
      label === '' ? title : `${label}: ${title}`,
      value,
    ]);
    all.size += opened.artifact.size;
    all.plainSize = sum(all.plainSize, opened.plain.size);
    Object.assign(all.values, Object.fromEntries(named));
    all.notes.push(...opened.notes);
  }
  return all;
}

/** Null where one is not known. */
function sum(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : left + right;
}

/** What is not opened is not proven: an artifact that the plan has no way to open is no matter to pass over. */
function partFor({ parts }: VerifyAction, manifest: Manifest, artifact: Artifact): VerifyPart {
  const unproven = (why: string) => new Unproven(`${manifest.id} is unproven: ${why}`);
  const { name, purpose } = partOf(artifact);
  const part = parts.find((one) => one.name === name && one.purpose === purpose);
  if (!part) throw unproven(`nothing here says how ${nameOf({ name, purpose })} is opened`);
  const lost = parts.find((one) => artifactOf(manifest, one) === undefined);
  if (lost) throw unproven(`it does not hold ${nameOf(lost)}`);
  if (part.missing !== undefined) throw unproven(part.missing);
  return part;
}

function nameOf(part: PartId): string {
  const label = partLabel(part);
  return label === '' ? 'its artifact' : `its artifact "${label}"`;
}

async function openPart(
  level: Level,
  { decode, recipe, assert }: VerifyPart,
  { destination, manifest, artifact }: { destination: Destination; manifest: Manifest; artifact: Artifact },
  run: RunContext,
  context: PerformContext,
): Promise<Opened | Wrong> {
  const { key, size, sha256 } = artifact;
  const damage = async (): Promise<Wrong | null> => {
    const problem = await artifactProblem(destination, artifact, context);
    return problem === null ? null : { kind: 'damage', problem };
  };
  // A restore runs what is inside; so its bytes are proven before any of them is used.
  const early = level === 'restore' ? await damage() : null;
  if (early) return early;
  try {
    const opened = await openArtifact(
      {
        source: await destination.get(key),
        expected: { size, sha256 },
        decode,
        recipe: recipe ?? { intake: { discard: true } },
        assert,
        answers: answersOf(manifest, artifact),
      },
      run,
      context,
    );
    if (opened.plain.size === 0) return { kind: 'content', problem: 'it holds no data at all' };
    const plainSize = plainSizeOf(manifest, artifact);
    if (plainSize !== null && opened.plain.size !== null && plainSize !== opened.plain.size)
      return { kind: 'content', problem: `it holds ${opened.plain.size} bytes of ${plainSize}` };
    return opened;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof AssertionFailed) return { kind: 'content', problem: error.message };
    if (error instanceof KeyMissing) return { kind: 'damage', problem: `${key} is missing` };
    const problem = textOf(error);
    if (error instanceof Unproven || lacksHere(error))
      throw new Unproven(`${manifest.id} is unproven: ${problem}`, { cause: error });
    const damaged = await damage();
    if (damaged) return damaged;
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

function detailsOf({ size, plainSize, values }: OpenedCopy): Record<string, unknown> {
  return {
    size,
    ...(plainSize === null ? {} : { plainSize }),
    ...(Object.keys(values).length > 0 ? { asserted: values } : {}),
  };
}
