import type { Artifact } from '../../catalog/format.ts';
import { type Destination, KeyMissing, type Sink } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { fanOut } from '../fan-out.ts';
import type { Copy } from './capture-copies.ts';
import { asError } from './errors.ts';
import { hashStream } from './hash-artifact.ts';
import type { Work } from './sync-copy.ts';

/** What lies at the source is not what was backed up. */
export class Faulty extends RunnerError {
  override readonly name = 'Faulty';
}

/** Seconds in which a source must give something. */
const patience = 310;

type Wanted = { part: number; attempt: number; artifact: Artifact };

/**
 * Brings one artifact into a prepared sink of `copy`. Rejects when the source does not give it, with Faulty when it gives something
 * else; what was begun of it is removed then. A fault of the target is left in `copy.error`.
 */
export async function copyPart(copy: Copy, wanted: Wanted, source: Destination, work: Work): Promise<void> {
  const { part, attempt, artifact } = wanted;
  const { attempt: name } = copy.journal.artifacts[attempt * copy.sinks.length + part]!;
  const placement = copy.placements[part]!;
  try {
    if (await copiedThere(copy, wanted, source, work)) return;
    const stream = await source.get(artifact.key);
    // A stream that nobody listens to yet may fail while the sink is opened.
    stream.on('error', () => {});
    const sink = await ofTarget(copy, () => copy.destination.put(artifact.key, name, placement));
    copy.sinks[part] = sink;
    const found = sink && (await streamed(copy, sink, stream, work));
    if (!found) return void stream.destroy();
    refuseOther(artifact, found);
    await prepared(copy, sink, artifact);
  } catch (error) {
    await copy.sinks[part]?.abort();
    copy.sinks[part] = null;
    if (error instanceof KeyMissing) throw new Faulty(`${artifact.key} is missing`);
    throw error;
  }
}

type Read = { size: number; sha256: string };

function refuseOther({ key, size, sha256 }: Artifact, found: Read): void {
  if (found.size !== size) throw new Faulty(`${key} has ${found.size} bytes of ${size}`);
  if (found.sha256 !== sha256) throw new Faulty(`the bytes of ${key} have changed`);
}

/**
 * True where the store has copied it by itself, and what lies there now was read back and is right. Whatever goes wrong with that
 * is no more than a reason to send the bytes.
 */
async function copiedThere(
  copy: Copy,
  { part, attempt, artifact }: Wanted,
  source: Destination,
  { context, onBytes }: Work,
): Promise<boolean> {
  const { attempt: name } = copy.journal.artifacts[attempt * copy.sinks.length + part]!;
  const sink = await copy.destination.copy?.(source, artifact.key, name, copy.placements[part]!).catch(() => null);
  if (!sink) return false;
  try {
    await sink.prepare();
    const found = await hashStream(await copy.destination.get(artifact.key), context.signal, onBytes);
    refuseOther(artifact, found);
    copy.sinks[part] = sink;
    copy.prepared += 1;
    return true;
  } catch {
    await sink.abort();
    context.signal.throwIfAborted();
    return false;
  }
}

/** Null when the target failed. */
async function streamed(
  copy: Copy,
  sink: Sink,
  stream: Awaited<ReturnType<Destination['get']>>,
  { context, onBytes }: Work,
): Promise<Read | null> {
  let isTargetOut = false;
  // Nobody but the fan-out aborts it while bytes flow: then it was the target that failed.
  const watched: Sink = {
    write: (batch) => sink.write(batch),
    prepare: () => sink.prepare(),
    publish: () => sink.publish(),
    abort: () => {
      isTargetOut = true;
      return sink.abort();
    },
  };
  const silence = new AbortController();
  let last = performance.now();
  const clock = setInterval(() => {
    if (performance.now() - last > patience * 1000) silence.abort(new RunnerError(`it gave nothing for ${patience} s`));
  }, 5000);
  try {
    const signal = AbortSignal.any([context.signal, silence.signal]);
    const heard = (bytes: number) => {
      last = performance.now();
      onBytes(bytes);
    };
    return await fanOut(stream, [{ name: copy.name, sink: watched }], { signal, onBytes: heard });
  } catch (error) {
    if (!isTargetOut) throw error;
    copy.error = asError(error);
    return null;
  } finally {
    clearInterval(clock);
  }
}

async function prepared(copy: Copy, sink: Sink, { size }: Artifact): Promise<void> {
  const stored = await ofTarget(copy, () => sink.prepare());
  if (!stored) return;
  if (stored.size === size) copy.prepared += 1;
  else copy.error = new RunnerError(`it stored ${stored.size} bytes of the ${size} that were sent`);
}

/** What the target rejects is its own fault, and no reason to try another source. */
async function ofTarget<T>(copy: Copy, act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    copy.error = asError(error);
    return null;
  }
}
