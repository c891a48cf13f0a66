import type { Manifest } from '../../catalog/format.ts';
import type { Command } from '../../command.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import { type Copy, openCopy, openSinks, prepareCopies, undoCopies } from './capture-copies.ts';
import { askSource, learnFacts } from './capture-facts.ts';
import { buildManifest, sealed } from './capture-manifest.ts';
import { identify, type Place } from './capture-place.ts';
import { type Caught, type CaughtPart, streamInto } from './capture-stream.ts';
import type { CaptureAction, RunContext } from './context.ts';
import { commitCopy, summary } from './copy-commit.ts';
import { anomaliesOf } from './expectations.ts';
import type { Found } from './findings.ts';
import { programsOf } from './programs.ts';
import { progressOf } from './progress.ts';
import { settleRoom, withRoom } from './room.ts';

const nothing = { id: '', key: '', size: '', sha256: '', tier: '', error: '' };

/**
 * Reads the source once into every destination that wants this backup. Nothing of it can be seen before every program
 * has ended well and every byte is durable; the manifest, written last, is what makes it a backup.
 */
export async function capture(action: CaptureAction, run: RunContext, context: PerformContext): Promise<Performed> {
  const began = performance.now();
  const from = new Date();
  if (action.parts.length === 0)
    throw new RunnerError(`it is not known what there is to be read of "${action.backup}"`);
  const place = await withRoom(await identify(action, from, run, context), action, run);
  if (place.wanted.length === 0 && place.lost.length === 0)
    return { outputs: nothing, message: 'no destination wants a backup of these tiers now' };
  if (place.wanted.length === 0) throw new RunnerError(`no destination can be used: ${sentences(place.lost)}`);
  const programs = programsOf(run, context);
  const made = { names: [] as string[], bytes: 0 };
  const stages = action.branches.flatMap((branch) => branch.stages);
  try {
    await programs.runAll(stages.flatMap(({ prepare }) => prepare ?? []));
    const copies = await Promise.all(place.wanted.map((one) => openCopy(one, place, run)));
    try {
      const parts = await readParts(action, place, copies, run, context);
      made.bytes = parts.reduce((sum, { streamed }) => sum + streamed.size, 0);
      const moment = momentOf(action, from, run, context);
      const seconds = (performance.now() - began) / 1000;
      return await commit(action, place, copies, { parts, moment, seconds }, run, context);
    } finally {
      made.names = copies.flatMap(({ name, isCommitted }) => (isCommitted ? [name] : []));
      await undoCopies(copies, run, context);
    }
  } finally {
    settleRoom(place, made, run);
    await cleanUp(
      action,
      stages.flatMap(({ cleanup }) => cleanup ?? []),
      run,
      context,
    );
  }
}

/** One part after another; each is durable, but of none anything can be seen yet. The last one's bytes are being synced still. */
async function readParts(
  action: CaptureAction,
  place: Place,
  copies: Copy[],
  run: RunContext,
  context: PerformContext,
): Promise<CaughtPart[]> {
  const caught: CaughtPart[] = [];
  const onBytes = progressOf(context, place.expectedSize);
  for (const [index, part] of action.parts.entries()) {
    if (index > 0) await prepareCopies(copies, index - 1, caught[index - 1]!.streamed.size);
    try {
      await programsOf(run, context).runAll(part.prepare);
      const learnt = await learnFacts(part, run, context);
      const sinks = await openSinks(copies, index);
      if (sinks.length === 0)
        throw new RunnerError(`no destination could be written to: ${sentences(failures(copies))}`);
      const streamed = await streamInto(action, part, { sinks, onBytes }, run, context);
      for (const { name, error } of streamed.failed) copies.find((copy) => copy.name === name)!.error ??= error;
      const others = caught.map((one) => one.learnt);
      await askSource(part, learnt, others, run, context);
      caught.push({ streamed, learnt });
    } finally {
      await cleanUp(action, part.cleanup, run, context);
    }
  }
  return caught;
}

async function cleanUp(action: CaptureAction, commands: Command[], run: RunContext, context: PerformContext) {
  const left = await programsOf(run, context).cleanUp(commands);
  for (const { message } of left)
    context.emit({ event: 'notice', level: 'warning', task: context.id, backup: action.backup, message });
}

/** The time of the data: that of the moments which are held open for it, where every part is read in one; else of the reading. */
function momentOf(
  action: CaptureAction,
  from: Date,
  run: RunContext,
  { within, lookup }: PerformContext,
): Caught['moment'] {
  const held = run.graph.scopes.filter(({ id, acquire }) => within.includes(id) && acquire.do === 'hold');
  const known = held.filter(({ outputs }) => outputs.includes('from') && outputs.includes('to'));
  const times = known.map(({ id }) => ({
    from: new Date(lookup.out(`${id}.from`)),
    to: new Date(lookup.out(`${id}.to`)),
  }));
  const latest = times.length === action.parts.length ? times.map(({ to }) => to) : [new Date()];
  const earliest = times.length === action.parts.length ? [] : [from];
  return {
    from: new Date(Math.min(...[...times.map((one) => one.from), ...earliest].map(Number))),
    to: new Date(Math.max(...latest.map(Number))),
  };
}

async function commit(
  action: CaptureAction,
  place: Place,
  copies: Copy[],
  caught: Caught,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const { parts } = caught;
  const all = parts.map(({ streamed }) => streamed);
  const measure = { size: all.reduce((sum, { size }) => sum + size, 0), seconds: caught.seconds };
  const anomalies = [...anomaliesOf(action.expect, measure, place.before), ...all.flatMap(({ missing }) => missing)];
  const manifest = buildManifest(action, place, caught, run, context);
  // The key of a MAC takes a while, and so does a sync: both at once, and neither is left behind by the other's failure.
  const sealing = sealed(manifest, action, run);
  await Promise.allSettled([sealing, prepareCopies(copies, all.length - 1, all.at(-1)!.size)]);
  const ready = await sealing;
  const marks = marksOf(action, manifest, ready.sha256, anomalies);
  context.signal.throwIfAborted();
  const commitment = { manifest, ready, marks, proof: { at: 'commit' } };
  await Promise.all(copies.map((copy) => commitCopy(copy, commitment, run, context)));
  if (anomalies.length > 0) run.anomalies.set(action.backup, anomalies.join('; '));
  const warnings = parts.flatMap(({ streamed, learnt }) => [...learnt.warnings, ...streamed.warnings]);
  return judged(action, place, copies, { manifest, anomalies, warnings });
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
  const committed = copies.filter(({ isCommitted }) => isCommitted);
  const missing = [...place.lost, ...failures(copies)];
  const wanted = committed.length + missing.length;
  if (committed.length < Math.min(action.require, wanted)) {
    const enough = `${committed.length} of ${wanted} destinations hold ${manifest.id}, and ${Math.min(action.require, wanted)} are required`;
    throw new RunnerError(`${enough}: ${sentences(missing)}`);
  }
  const { key, size, sha256 } = summary(manifest);
  const problems = [...(missing.length > 0 ? [sentences(missing)] : []), ...anomalies];
  const message = [...problems, ...warnings].join('; ');
  return {
    outputs: {
      id: manifest.id,
      key,
      size: String(size),
      sha256,
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
