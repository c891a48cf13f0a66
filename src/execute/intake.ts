import { spawn } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { RunnerError } from '../diagnostic.ts';
import type { Tail } from '../recipe.ts';
import { faultOf } from './blame.ts';
import type { Guard } from './guard.ts';
import type { Ended, Launch } from './launch.ts';
import { startPipeline } from './pipeline.ts';
import { feedChild, pump, send } from './pump.ts';

export type PourOptions = {
  /** The artifact's bytes. */
  source: Readable;
  decode: readonly Launch[];
  intake: { consume: Launch } | { file: string; mode: number; owner?: number } | { discard: true };
  tail?: Tail;
  /** The consumer fails on a stream that was cut. */
  direct?: boolean;
  /** What the artifact must be; compared before the end of input is given. */
  expected?: { size: number; sha256: string };
  /** Where the consumer's standard output goes; default nowhere. It is not ended. */
  stdout?: Writable;
  guard: Pick<Guard, 'watch' | 'unwatch'>;
  signal: AbortSignal;
  /** Called with the artifact bytes read. */
  onBytes?(bytes: number): void;
  /** Called once with how the decoders and the consumer ended, before `pour` settles, also when it fails. */
  onEnded?(ended: Ended[]): void;
};

/** Where a plain stream ends. `finish` is called once at most, `discard` where anything went wrong, also in `finish`. */
export type Mouth = {
  take(batch: Uint8Array[]): Promise<void>;
  /** The whole stream was right: gives the end of input, or makes the file durable. Rejects with the fault. */
  finish(): Promise<Ended[]>;
  /** Kills the consumer with its input still open, or removes the file. */
  discard(reason: Error): Promise<Ended[]>;
};

/** Opens the intake. A program is started in the tick in which this resolves, a file is made new. */
export async function openMouth(options: PourOptions): Promise<Mouth> {
  options.signal.throwIfAborted();
  const { intake } = options;
  if ('consume' in intake) return consumer(intake.consume, options);
  if ('file' in intake) return await file(intake);
  return { take: async () => {}, finish: async () => [], discard: async () => [] };
}

function consumer(launch: Parameters<typeof startPipeline>[0][number], options: PourOptions): Mouth {
  const { guard, signal, stdout } = options;
  const output = stdout === undefined ? 'discard' : 'pipe';
  const pipeline = startPipeline([launch], { input: 'pipe', output, guard, signal });
  const input = pipeline.input as Writable;
  const letGo = launch.remote === undefined ? holdOpen(input) : () => {};
  void pipeline.ended.then(letGo);
  const printing =
    stdout === undefined
      ? Promise.resolve()
      : pump(pipeline.output as Readable, (batch) => send(stdout, batch), { signal }).catch((error: Error) => {
          pipeline.kill(error);
        });
  return {
    take: (batch) => feedChild(input, batch, pipeline.ended),
    finish: async () => {
      input.end();
      const ended = await pipeline.ended;
      await printing;
      const fault = faultOf(ended);
      if (fault !== null) throw fault;
      return ended;
    },
    discard: (reason) => {
      pipeline.kill(reason);
      return pipeline.ended;
    },
  };
}

/**
 * A second process keeps a program's input open, so that our own sudden death is no end of input either: the guard
 * ends the program while it still waits for more. Our `end` is a shutdown of the socket, which needs no last holder.
 */
export function holdOpen(input: Writable): () => void {
  const holder = spawn('/bin/sh', ['-c', 'read -r over; exec sleep 30'], {
    cwd: '/',
    env: { PATH: process.env.PATH },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore', input],
  });
  holder.on('error', () => {});
  holder.stdin?.on('error', () => {});
  return () => void holder.kill('SIGKILL');
}

async function file(intake: { file: string; mode: number; owner?: number }): Promise<Mouth> {
  const handle = await open(intake.file, 'wx', intake.mode).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'it exists already' : error.code;
    throw new RunnerError(`${intake.file} cannot be written: ${why}.`, { cause: error });
  });
  if (intake.owner !== undefined) await handle.chown(intake.owner, intake.owner);
  return {
    take: async (batch) => {
      let rest = batch;
      while (rest.length > 0) rest = after(rest, (await handle.writev(rest)).bytesWritten);
    },
    finish: async () => {
      await handle.sync();
      await handle.close();
      return [];
    },
    discard: async () => {
      await handle.close().catch(() => {});
      await rm(intake.file, { force: true });
      return [];
    },
  };
}

/** What is left of a batch when the first `bytes` of it have been written: a full disk takes a part. */
function after(batch: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  let index = 0;
  for (let chunk = batch[index]; chunk !== undefined && skip >= chunk.length; chunk = batch[index]) {
    skip -= chunk.length;
    index += 1;
  }
  const rest = batch.slice(index);
  if (skip > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(skip);
  return rest;
}
