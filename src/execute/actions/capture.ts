import type { Manifest } from '../../catalog/format.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import { type Copy, commitCopy, openCopies, prepareCopies, undoCopies } from './capture-copies.ts';
import { buildManifest, sealed } from './capture-manifest.ts';
import { identify, type Place } from './capture-place.ts';
import { type Caught, streamInto } from './capture-stream.ts';
import type { CaptureAction, RunContext } from './context.ts';
import { anomaliesOf } from './expectations.ts';
import type { Found } from './findings.ts';
import { programsOf } from './programs.ts';

const nothing = { id: '', key: '', size: '', sha256: '', tier: '', error: '' };

/**
 * Reads the source once into every destination that wants this backup. Nothing of it can be seen before every program
 * has ended well and every byte is durable; the manifest, written last, is what makes it a backup.
 */
export async function capture(action: CaptureAction, run: RunContext, context: PerformContext): Promise<Performed> {
  const began = performance.now();
  const from = new Date();
  const place = await identify(action, from, run, context);
  if (place.wanted.length === 0 && place.lost.length === 0)
    return { outputs: nothing, message: 'no destination wants a backup of these tiers now' };
  if (place.wanted.length === 0) throw new RunnerError(`no destination can be used: ${sentences(place.lost)}`);
  const programs = programsOf(run, context);
  const stages = action.branches.flatMap((branch) => branch.stages);
  try {
    await programs.runAll([...action.prepare, ...stages.flatMap(({ prepare }) => prepare ?? [])]);
    const copies = await openCopies(place, run);
    try {
      const sinks = copies.flatMap(({ name, sink }) => (sink ? [{ name, sink }] : []));
      if (sinks.length === 0)
        throw new RunnerError(`no destination could be written to: ${sentences(failures(copies))}`);
      const streamed = await streamInto(action, sinks, place.expectedSize, run, context);
      const moment = { from, to: new Date() };
      return await commit(
        action,
        place,
        copies,
        { streamed, moment, seconds: (performance.now() - began) / 1000 },
        run,
        context,
      );
    } finally {
      await undoCopies(copies, run, context);
    }
  } finally {
    const left = await programs.cleanUp([...action.cleanup, ...stages.flatMap(({ cleanup }) => cleanup ?? [])]);
    for (const { message } of left)
      context.emit({ event: 'notice', level: 'warning', task: context.id, backup: action.backup, message });
  }
}

async function commit(
  action: CaptureAction,
  place: Place,
  copies: Copy[],
  caught: Caught,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const { streamed } = caught;
  const lostOnTheWay = new Map(streamed.failed.map(({ name, error }) => [name, error]));
  for (const copy of copies) copy.error ??= lostOnTheWay.get(copy.name) ?? null;
  const measure = { size: streamed.size, seconds: caught.seconds };
  const anomalies = [...anomaliesOf(action.expect, measure, place.before), ...streamed.missing];
  const manifest = buildManifest(action, place, caught, run, context);
  // The key of a MAC takes a while, and so does a sync: both at once, and neither is left behind by the other's failure.
  const sealing = sealed(manifest, action, run);
  await Promise.allSettled([sealing, prepareCopies(copies, streamed.size)]);
  const ready = await sealing;
  const marks = marksOf(action, manifest, ready.sha256, anomalies);
  context.signal.throwIfAborted();
  await Promise.all(copies.map((copy) => commitCopy(copy, { place, manifest, ready, marks }, run, context)));
  if (anomalies.length > 0) run.anomalies.set(action.backup, anomalies.join('; '));
  return judged(action, place, copies, { manifest, anomalies, warnings: streamed.warnings });
}

/** Written before the manifest, so that what looks wrong is never counted as good, not even for a moment. */
function marksOf(action: CaptureAction, { id }: Manifest, sha256: string, anomalies: string[]): Found[] {
  const marks: Found[] = [];
  if (anomalies.length > 0)
    marks.push({ id, finding: 'anomaly', result: 'set', manifest: sha256, message: anomalies.join('; ') });
  if (action.pinFor !== undefined) {
    const until = new Date(Date.now() + action.pinFor * 1000);
    marks.push({
      id,
      finding: 'pin',
      result: 'set',
      manifest: sha256,
      until,
      message: 'safety copy of what a restore replaced',
    });
  }
  return marks;
}

/** The quorum decides the outcome and never deletes a good copy. */
function judged(
  action: CaptureAction,
  place: Place,
  copies: Copy[],
  found: { manifest: Manifest; anomalies: string[]; warnings: string[] },
): Performed {
  const { manifest, anomalies, warnings } = found;
  const committed = copies.filter(({ state }) => state === 'committed');
  const missing = [...place.lost, ...failures(copies)];
  const wanted = committed.length + missing.length;
  if (committed.length < Math.min(action.require, wanted)) {
    const enough = `${committed.length} of ${wanted} destinations hold ${manifest.id}, and ${Math.min(action.require, wanted)} are required`;
    throw new RunnerError(`${enough}: ${sentences(missing)}`);
  }
  const artifact = manifest.artifacts[0]!;
  const problems = [...(missing.length > 0 ? [sentences(missing)] : []), ...anomalies];
  const message = [...problems, ...warnings].join('; ');
  return {
    outputs: {
      id: manifest.id,
      key: artifact.key,
      size: String(artifact.size),
      sha256: artifact.sha256,
      tier: manifest.tiers[0] ?? 'recent',
      error: problems.join('; '),
    },
    outcome: problems.length > 0 ? 'partial' : warnings.length > 0 ? 'warned' : 'ok',
    ...(message === '' ? {} : { message }),
  };
}

type Failure = { name: string; error: Error };

function failures(copies: Copy[]): Failure[] {
  return copies.flatMap(({ name, error }) => (error ? [{ name, error }] : []));
}

function sentences(all: Failure[]): string {
  return all.map(({ name, error }) => `"${name}": ${error.message}`).join('; ');
}
