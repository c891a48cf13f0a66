import type { Readable } from 'node:stream';
import type { Guard } from './guard.ts';
import type { Launch } from './launch.ts';
import { type Started, startProcess } from './process.ts';
import { startRemote } from './remote.ts';
import type { Output } from './remote-output.ts';

/** Starts one program, wherever it runs. */
export function startProgram(
  launch: Launch,
  stdin: 'ignore' | 'pipe' | Readable,
  stdout: Output,
  guard: Pick<Guard, 'watch' | 'unwatch'>,
): Started {
  if (launch.remote !== undefined) return startRemote(launch, launch.remote, stdin, stdout, guard);
  return startProcess(launch, stdin, stdout === 'hand-on' || stdout === 'live' ? 'pipe' : stdout, guard);
}
