import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Held } from '../../command.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import { bindValue } from '../bind-value.ts';
import { faultOf, lastLines } from '../blame.ts';
import type { Ended, Launch } from '../launch.ts';
import { runCommand } from '../pipeline.ts';
import type { Started } from '../process.ts';
import { startProgram } from '../start.ts';
import { Stderr } from '../stderr.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { programsOf } from './programs.ts';

/** Seconds after which a program that was told to end is killed. */
const patience = 10;
/** Seconds between two questions whether it is ready, and the longest that one of them may take. */
const pause = 0.1;
const oneQuestion = 5;

/** A program that stays. `line` is what was kept of the line that made it ready. */
export type Holding = {
  line: string;
  /** How it ended, where it did so by itself: nobody had told it to. */
  lost(): Lost | null;
  /** Tells it to end, and kills it when it does not. Never rejects; what it left in its group is ended too. */
  release(): Promise<void>;
};

export type Lost = { ended: Ended; error: RunnerError };

/** It ended before it was ready, by itself: what it read may be the reason. */
export class NeverReady extends RunnerError {
  override readonly name = 'NeverReady';
  readonly ended: Ended;
  constructor({ ended, error }: Lost) {
    super(error.message, { cause: error });
    this.ended = ended;
  }
}

/**
 * Starts a program that stays and waits until it is ready. Throws NeverReady when it ended before, and a RunnerError when it
 * could not be started or was not ready in time; nothing of it runs then.
 */
export async function startHeld(held: Held, run: RunContext, context: PerformContext): Promise<Holding> {
  const programs = programsOf(run, context);
  const launch = await programs.launch(held.command);
  const input = held.input === undefined ? null : await bindValue(held.input, context.lookup, run.secrets.read);
  context.signal.throwIfAborted();
  const started = startProgram(launch, 'pipe', 'live', run.guard);
  const printed = new Printed(started, 'line' in held.ready ? new RegExp(held.ready.line) : null);
  if (input !== null) started.stdin?.write(input);
  let ended: Ended | null = null;
  let told = false;
  const over = started.ended.then((end) => {
    // Some servers tell their reasons on standard output.
    ended = { ...end, stderr: end.stderr.trim() === '' ? printed.text() : end.stderr };
    if (!told) programs.report([held.command], [ended]);
    return ended;
  });
  const lost = () => (ended === null || told ? null : { ended, error: lossOf(ended) });
  const release = async () => {
    if (ended !== null) return;
    told = true;
    await started.finish(held.stop === 'end-of-input' ? held.stop : `SIG${held.stop}`, patience);
    programs.report([held.command], [await over]);
  };
  try {
    const line = await readiness(held, launch, over, printed.line, run, context);
    return { line, lost, release };
  } catch (error) {
    const gone = lost();
    await release();
    context.signal.throwIfAborted();
    if (gone) throw gone.ended.fault === undefined ? new NeverReady(gone) : gone.error;
    const said = lastLines((await over).stderr);
    throw said === '' ? error : new RunnerError(`${(error as Error).message}: ${said}`, { cause: error });
  }
}

async function readiness(
  { ready, within }: Held,
  { argv }: Launch,
  over: Promise<Ended>,
  line: Promise<string>,
  run: RunContext,
  context: PerformContext,
): Promise<string> {
  const settled = new AbortController();
  const signal = AbortSignal.any([settled.signal, context.signal]);
  const deadline = sleep(within * 1000, undefined, { signal }).then(() => {
    throw new RunnerError(`"${argv[0]}" was not ready within ${within} s`);
  });
  const asked = 'line' in ready ? line : answered(ready.command, signal, run, context);
  try {
    return await Promise.race([
      asked,
      deadline,
      over.then((ended) => {
        throw lossOf(ended);
      }),
    ]);
  } finally {
    settled.abort();
    await Promise.allSettled([deadline, ...('line' in ready ? [] : [asked])]);
  }
}

/** Asks until it exits 0. Only the answer is told: before it there may be hundreds of refusals. */
async function answered(
  command: Command,
  signal: AbortSignal,
  run: RunContext,
  context: PerformContext,
): Promise<string> {
  const programs = programsOf(run, context);
  for (;;) {
    const launch = await programs.launch({ ...command, timeout: command.timeout ?? oneQuestion });
    const ended = await runCommand(launch, { guard: run.guard, signal });
    const fault = faultOf([ended]);
    if (fault === null) {
      programs.report([command], [ended]);
      return '';
    }
    if (ended.fault?.kind === 'not-found') throw fault;
    await sleep(pause * 1000, undefined, { signal });
  }
}

function lossOf(ended: Ended): RunnerError {
  const fault = faultOf([ended]);
  return fault ?? new RunnerError(`"${ended.argv[0]}" ended although it was still needed.`);
}

/** Reads what it prints, to the end: a full pipe would stop it. */
class Printed {
  readonly line: Promise<string>;
  private readonly kept = new Stderr([]);

  constructor(started: Started, pattern: RegExp | null) {
    this.line = new Promise((resolve) => {
      let rest = '';
      const decoder = new TextDecoder();
      let isFound = pattern === null;
      started.stdout?.on('data', (chunk: Buffer) => {
        this.kept.take(chunk);
        if (isFound) return;
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop()!;
        const match = lines.map((line) => pattern!.exec(line)).find((found) => found !== null);
        if (!match) return;
        isFound = true;
        resolve(match[1] ?? match[0]);
      });
    });
  }

  text(): string {
    return this.kept.text();
  }
}

/** Acquires a scope: the program stays until the scope is let go. */
export async function hold(
  action: Extract<Action, { do: 'hold' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const from = new Date().toISOString();
  const holding = await startHeld(action.held, run, context);
  run.held.set(context.id, holding);
  return { outputs: { line: holding.line, from, to: new Date().toISOString() } };
}

/** Releases it. Throws where it had ended before: what was done in it may have lacked it. */
export async function letGo(run: RunContext, context: PerformContext): Promise<Performed> {
  const holding = run.held.get(context.id);
  const lost = holding?.lost() ?? null;
  await holding?.release();
  run.held.delete(context.id);
  if (lost) throw lost.error;
  return {};
}
