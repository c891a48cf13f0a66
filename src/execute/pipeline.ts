import type { Readable, Writable } from 'node:stream';
import type { RunnerError } from '../diagnostic.ts';
import type { Guard } from './guard.ts';
import type { Ended, Launch } from './launch.ts';

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

/** Starts all stages in one synchronous tick. Throws the signal's reason when it has been aborted already. */
export function startPipeline(_launches: readonly Launch[], _options: PipelineOptions): Pipeline {
  throw new Error('not built yet');
}

/** The error of the stage that is to blame, or null when every verdict is better than `failed`. */
export function faultOf(_ended: readonly Ended[]): RunnerError | null {
  throw new Error('not built yet');
}

/** Runs one program and keeps what it prints (at most `maxOutput` bytes, default 1 MiB; more ends it as a fault). */
export async function runCommand(
  _launch: Launch,
  _options: { guard: Pick<Guard, 'watch' | 'unwatch'>; signal: AbortSignal; maxOutput?: number },
): Promise<Ended & { stdout: string }> {
  throw new Error('not built yet');
}
