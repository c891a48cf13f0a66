import { closeSync, openSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { RunnerError } from '../diagnostic.ts';
import type { Guard } from './guard.ts';
import type { Ended, Launch } from './launch.ts';
import { closed, neverRan, type Started } from './process.ts';
import { startProgram } from './start.ts';

export { faultOf } from './blame.ts';

export type PipelineOptions = {
  input: 'none' | 'pipe';
  output: 'pipe' | 'discard' | { file: string; mode: number };
  guard: Pick<Guard, 'watch' | 'unwatch'>;
  signal: AbortSignal;
};

export type Pipeline = {
  /** Standard input of the first stage; null unless asked for. */
  input: Writable | null;
  /** Standard output of the last stage; null unless asked for. Its end says nothing about success: ask `ended`. */
  output: Readable | null;
  /** Ends all process groups: TERM, 5 s, KILL. The reason stands in `Ended.fault`. */
  kill(reason: Error): void;
  /** Never rejects; resolves when every stage is reaped, in the order of the stages. */
  ended: Promise<Ended[]>;
};

/** Time for the others to end by themselves (end of input, SIGPIPE) when one stage has failed. */
const collateralSeconds = 2;
/** Time for a program's output to be read to its end once the program has ended. */
const outputSeconds = 2;

/**
 * Starts all stages in one synchronous tick, each one's output handed by the kernel to the next. A stage that started a
 * tick later would lose what the parent had read in between, with every exit code 0; and without the parent letting go
 * of its handles a producer would hang when its consumer dies. Throws the signal's reason when it has been aborted
 * already, and a RunnerError when the output file cannot be made.
 */
export function startPipeline(launches: readonly Launch[], options: PipelineOptions): Pipeline {
  options.signal.throwIfAborted();
  const file = typeof options.output === 'object' ? createFile(options.output) : null;
  const stages = startStages(launches, options, file);
  if (file !== null) closeSync(file);
  const output = options.output === 'pipe' ? outputOf(stages.at(-1) as Started) : null;
  const missing = stages.find((stage) => !stage.running);
  const kill = (reason: Error) => {
    for (const stage of stages) stage.stop({ kind: 'killed', error: reason });
    // Also when a process that left its group still has it open.
    void ended.then(() => output?.destroy());
  };
  const aborted = () => kill(options.signal.reason as Error);
  options.signal.addEventListener('abort', aborted, { once: true });
  const ended = conclude(stages, output).finally(() => {
    if (output === null || output.closed) options.signal.removeEventListener('abort', aborted);
    else output.once('close', () => options.signal.removeEventListener('abort', aborted));
  });
  if (missing !== undefined) {
    for (const stage of stages) stage.stop({ kind: 'collateral', error: new Error('Another stage was not started.') });
  }
  return { input: options.input === 'pipe' ? inputOf(stages[0] as Started) : null, output, kill, ended };
}

function outputOf(stage: Started): Readable {
  if (stage.running && stage.stdout !== null) return stage.stdout;
  const broken = new Readable({ read: () => {} });
  broken.on('error', () => {});
  return broken.destroy(new Error('The program was not started.'));
}

function inputOf(stage: Started): Writable {
  if (stage.running && stage.stdin !== null) return stage.stdin;
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('The program was not started.')) });
  return broken.on('error', () => {});
}

function startStages(launches: readonly Launch[], options: PipelineOptions, file: number | null): Started[] {
  const stages: Started[] = [];
  for (const [index, launch] of launches.entries()) {
    const previous = stages[index - 1];
    if (previous !== undefined && !previous.running) {
      stages.push(neverRan(launch, new RunnerError('An earlier stage was not started.'), 'not-started'));
      continue;
    }
    const first = options.input === 'pipe' ? 'pipe' : 'ignore';
    const last = file ?? (options.output === 'pipe' ? 'pipe' : 'ignore');
    const stdout = index === launches.length - 1 ? last : 'hand-on';
    stages.push(startProgram(launch, previous?.stdout ?? first, stdout, options.guard));
    previous?.stdout?.destroy();
  }
  return stages;
}

async function conclude(stages: readonly Started[], output: Readable | null): Promise<Ended[]> {
  let timer: NodeJS.Timeout | undefined;
  const stopRest = () => {
    timer ??= setTimeout(() => {
      for (const stage of stages) stage.stop({ kind: 'collateral', error: new Error('Another stage failed.') });
    }, collateralSeconds * 1000);
  };
  const all = await Promise.all(
    stages.map(async (stage) => {
      const ended = await stage.ended;
      if (ended.verdict === 'failed') stopRest();
      return ended;
    }),
  );
  clearTimeout(timer);
  if (all.some((ended) => ended.verdict === 'failed'))
    setTimeout(() => output?.destroy(), outputSeconds * 1000).unref();
  return all;
}

function createFile(output: { file: string; mode: number }): number {
  try {
    return openSync(output.file, 'wx', output.mode);
  } catch (error) {
    throw new RunnerError(`${output.file} cannot be made: ${(error as NodeJS.ErrnoException).code}.`, { cause: error });
  }
}

/** Runs one program and keeps what it prints (at most `maxOutput` bytes, default 1 MiB; more ends it as a fault). */
export async function runCommand(
  launch: Launch,
  options: { guard: Pick<Guard, 'watch' | 'unwatch'>; signal: AbortSignal; maxOutput?: number },
): Promise<Ended & { stdout: string }> {
  const limit = options.maxOutput ?? 1024 * 1024;
  const { guard, signal } = options;
  const pipeline = startPipeline([launch], { input: 'none', output: 'pipe', guard, signal });
  const chunks: Buffer[] = [];
  let bytes = 0;
  pipeline.output?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(chunk);
    else pipeline.kill(new RunnerError(`"${launch.argv[0]}" was ended: it printed more than ${limit} bytes.`));
  });
  const [ended] = (await pipeline.ended) as [Ended];
  // A service that a hook started in the background may hold it open: the program itself has ended.
  await closed(pipeline.output, outputSeconds);
  return { ...ended, stdout: Buffer.concat(chunks).toString() };
}
