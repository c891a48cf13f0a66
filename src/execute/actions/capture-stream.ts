import { stat } from 'node:fs/promises';
import { render } from '../../bind.ts';
import { partLabel } from '../../catalog/artifacts.ts';
import type { Command } from '../../command.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { CapturePart } from '../../graph.ts';
import type { PlainSize } from '../../recipe.ts';
import { type FanOutResult, fanOut, type NamedSink } from '../fan-out.ts';
import type { Ended } from '../launch.ts';
import { faultOf, startPipeline } from '../pipeline.ts';
import type { PerformContext } from '../task-context.ts';
import type { Learnt } from './capture-facts.ts';
import type { CaptureAction, RunContext } from './context.ts';
import { programsOf } from './programs.ts';

/** What a capture gave, part by part, with the time of its data; `seconds` for the whole of it. */
export type Caught = { parts: CaughtPart[]; moment: { from: Date; to: Date }; seconds: number };

export type CaughtPart = { streamed: Streamed; learnt: Learnt };

/** What went through the pipeline of one part. Sizes in bytes; null where nothing can tell the plain size. */
export type Streamed = FanOutResult & {
  plainSize: number | null;
  /** Argument vector and seconds of each transform, in order. */
  stages: { argv: string[]; seconds: number }[];
  warnings: string[];
  /** What is missing from the data although every program ended well: a file that shrank. */
  missing: string[];
};

/** Where one part goes, and who is told how far it is. */
export type StreamTarget = { sinks: NamedSink[]; onBytes(bytes: number): void };

/** Runs producer and transforms as one pipeline into all sinks; resolves only when every program ended well. */
export async function streamInto(
  action: CaptureAction,
  part: CapturePart,
  { sinks, onBytes }: StreamTarget,
  run: RunContext,
  context: PerformContext,
): Promise<Streamed> {
  const programs = programsOf(run, context);
  const transforms = action.branches[0]!.stages.map(({ command }) => command);
  const commands: Command[] = [part.produce, ...(part.counter ? [part.counter] : []), ...transforms];
  const launches = await programs.launches(commands);
  const { guard } = run;
  const pipeline = startPipeline(launches, { input: 'none', output: 'pipe', guard, signal: context.signal });
  let fanned: FanOutResult | Error;
  try {
    fanned = await fanOut(pipeline.output!, sinks, { onBytes, signal: context.signal, atLeast: action.require });
  } catch (error) {
    fanned = error as Error;
    pipeline.kill(fanned);
  }
  const ended = await pipeline.ended;
  programs.report(commands, ended);
  context.signal.throwIfAborted();
  const fault = faultOf(ended);
  if (fault) throw fault;
  if (fanned instanceof Error) throw fanned;
  const plainSize = await plainSizeOf(part, ended, context, transforms.length === 0 ? fanned.size : null);
  refuseNothing(nameOf(action.backup, part), fanned.size, plainSize);
  const stages = ended.slice(commands.length - transforms.length);
  const notes = (verdict: Ended['verdict']) => ended.flatMap((end) => (end.verdict === verdict ? end.notes : []));
  return {
    ...fanned,
    plainSize,
    stages: stages.map(({ argv, seconds }) => ({ argv, seconds })),
    warnings: notes('warning'),
    missing: notes('partial'),
  };
}

async function plainSizeOf(
  { plain, counter }: CapturePart,
  ended: Ended[],
  context: PerformContext,
  bare: number | null,
): Promise<number | null> {
  const { bytes } = ended[0]!;
  // What lies elsewhere is counted when it arrives.
  if ('file' in plain && bytes !== undefined) return bytes;
  const told = await toldSize(plain, ended[counter ? 1 : 0]!, context);
  return told ?? bytes ?? bare;
}

async function toldSize(plain: PlainSize, teller: Ended, context: PerformContext): Promise<number | null> {
  if ('file' in plain) return (await stat(render(plain.file, context.lookup))).size;
  if ('unknown' in plain) return null;
  const match = new RegExp(plain.stderr, 'm').exec(teller.stderr);
  const size = Number(match?.[1]?.replaceAll(/[\s,]/g, ''));
  if (!match || !Number.isSafeInteger(size))
    throw new RunnerError('how much was read from the source could not be learnt from what its program printed');
  return size;
}

/** A compressed nothing is a valid file of 20 bytes, so the plain size is what counts. */
function refuseNothing(what: string, size: number, plainSize: number | null): void {
  if (size > 0 && plainSize !== 0) return;
  throw new RunnerError(`the source of ${what} gave no data at all, although every program ended well`);
}

function nameOf(backup: string, part: CapturePart): string {
  const label = partLabel(part);
  return label === '' ? `"${backup}"` : `"${label}" of "${backup}"`;
}
