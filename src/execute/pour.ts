import { createHash, type Hash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { RunnerError } from '../diagnostic.ts';
import { asRunnerError, faultOf } from './blame.ts';
import { holdOpen, type Mouth, openMouth, type PourOptions } from './intake.ts';
import type { Ended, Launch } from './launch.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { feedChild, pump, Unread, within } from './pump.ts';
import { TailWindow } from './tail.ts';

export type Poured = {
  artifact: { size: number; sha256: string };
  /** Bytes; null where the decoders feed the consumer themselves. */
  plain: { size: number | null };
  ended: Ended[];
};

/** A program that broke its pipe is about to be reaped: its own reason beats our failed write. */
const reapSeconds = 3;

type Run = {
  options: PourOptions;
  /** The consumer is the last of `decode`: nothing of the plain stream comes by here. */
  isJoined: boolean;
  decode: Pipeline | null;
  mouth: Mouth;
  hash: Hash;
  size: number;
  window: TailWindow;
};

/**
 * Sends an artifact through its decoders into the intake. The intake is told of the end only when the artifact was read
 * whole, every decoder exited well and the end marker fits: a consumer that sees a clean end commits what it has, half a
 * dump too. In any other case it is killed with its input still open, a file is removed, and a RunnerError names the
 * stage at fault.
 */
export async function pour(options: PourOptions): Promise<Poured> {
  // A stream that nobody listens to yet may fail while the intake is opened.
  options.source.on('error', () => {});
  const consumer = joinable(options);
  const mouth = await openMouth(consumer ? { ...options, intake: { discard: true } } : options);
  const { guard, signal } = options;
  let decode: Pipeline | null = null;
  try {
    if (consumer) {
      decode = startPipeline([...options.decode, consumer], { input: 'pipe', output: 'discard', guard, signal });
      void decode.ended.then(holdOpen(decode.input as Writable));
    } else if (options.decode.length > 0) {
      decode = startPipeline(options.decode, { input: 'pipe', output: 'pipe', guard, signal });
    }
  } catch (error) {
    await mouth.discard(asRunnerError(error));
    throw error;
  }
  const window = new TailWindow(options.tail);
  const run: Run = { options, isJoined: consumer !== null, decode, mouth, hash: createHash('sha256'), size: 0, window };
  try {
    return await flow(run);
  } catch (error) {
    throw await blame(run, error);
  }
}

/** The consumer, where the decoders may feed it themselves; one elsewhere takes its input in frames of ours. */
function joinable({ direct, decode, intake, stdout }: PourOptions): Launch | null {
  if (!direct || decode.length === 0 || stdout !== undefined || !('consume' in intake)) return null;
  return intake.consume.remote === undefined ? intake.consume : null;
}

async function flow(run: Run): Promise<Poured> {
  const { decode, mouth, options, window } = run;
  const { signal } = options;
  const count = (chunk: Buffer) => {
    run.hash.update(chunk);
    run.size += chunk.length;
    options.onBytes?.(chunk.length);
  };
  const plain = (chunk: Buffer) => window.take(chunk);
  let artifact: Poured['artifact'];
  if (decode === null) {
    const both = (chunk: Buffer) => {
      count(chunk);
      plain(chunk);
    };
    await pump(options.source, mouth.take, { signal, onChunk: both });
    artifact = checked(run);
  } else {
    const input = decode.input as Writable;
    const feeding = pump(options.source, (batch) => feedChild(input, batch, decode.ended), {
      signal,
      onChunk: count,
    }).then(() => {
      const right = checked(run);
      input.end();
      return right;
    });
    const draining = run.isJoined
      ? Promise.resolve()
      : pump(decode.output as Readable, mouth.take, { signal, onChunk: plain });
    // An early end of the output is a decoder's fault, and the decoder's own word for it comes with `ended`.
    [artifact] = await Promise.all([feeding, draining]);
  }
  const decoded = (await decode?.ended) ?? [];
  const fault = faultOf(decoded);
  if (fault !== null) throw fault;
  const problem = window.problem();
  if (problem !== null) throw new RunnerError(`The data is not whole: ${problem}.`);
  const ended = [...decoded, ...(await mouth.finish())];
  options.onEnded?.(ended);
  return { artifact, plain: { size: run.isJoined ? null : window.size }, ended };
}

function checked({ hash, size, options: { expected } }: Run): Poured['artifact'] {
  const sha256 = hash.digest('hex');
  if (expected !== undefined && expected.size !== size) {
    throw new RunnerError(`The artifact is damaged: it has ${size} bytes, its manifest says ${expected.size}.`);
  }
  if (expected !== undefined && expected.sha256 !== sha256) {
    throw new RunnerError('The artifact is damaged: its SHA-256 is not the one in its manifest.');
  }
  return { size, sha256 };
}

/** Ends everything, the consumer before its input, and finds the error of the stage at fault. */
async function blame(run: Run, error: unknown): Promise<RunnerError> {
  const { decode, mouth, options } = run;
  const reason = asRunnerError(error);
  if (error instanceof Unread && !options.signal.aborted) await within(reapSeconds, error.ended);
  const taken = mouth.discard(reason);
  decode?.kill(reason);
  options.source.destroy();
  const ended = [...((await decode?.ended) ?? []), ...(await taken)];
  options.onEnded?.(ended);
  // A stage that failed of its own accord explains more than our write that it broke.
  if (error instanceof RunnerError) return error;
  const fault = faultOf(ended);
  if (fault !== null && fault !== reason) return fault;
  return error instanceof Unread ? new RunnerError(unread(run)) : reason;
}

function unread({ options }: Run): string {
  const name = 'consume' in options.intake ? options.intake.consume.argv[0] : options.decode[0]?.argv[0];
  return `"${name}" ended before it had read all of its input.`;
}
