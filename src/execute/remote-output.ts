import { type Readable, Transform } from 'node:stream';
import { EndMarker, type Report } from '../builtin/end-marker.ts';
import { faultOf } from './blame.ts';
import type { Guard } from './guard.ts';
import type { Fault, Launch } from './launch.ts';
import { startProcess } from './process.ts';

/**
 * Where a program's output goes. `pipe` is read by us, `hand-on` by another program that the kernel joins to it, `live` by us
 * and line by line; a number is a file's descriptor.
 */
export type Output = 'ignore' | 'pipe' | 'hand-on' | 'live' | number;

/** `report` never rejects. `broken`: whoever took the output stopped reading; `failure`: our own process in between failed. */
export type OutputReport = Report & { broken?: true; failure?: Error };

export type RemoteOutput = {
  stdout: Readable | null;
  report: Promise<OutputReport>;
  stop(reason: Fault): void;
};

/** Takes the marks off what comes from elsewhere. Where another program reads it, a process of ours stands in between. */
export function outputOf(
  source: Readable,
  nonce: string,
  output: Output,
  guard: Pick<Guard, 'watch' | 'unwatch'>,
): RemoteOutput {
  if (output === 'hand-on' || typeof output === 'number') return handedOn(source, nonce, output, guard);
  const marker = new EndMarker(nonce, output === 'live');
  const filter = new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, marker.take(chunk)),
    // What was held back of a stream that was cut: it is not whole in any case.
    flush: (done) => done(),
  });
  const report = new Promise<Report>((resolve) => {
    source.once('close', () => {
      if (!source.readableEnded) filter.destroy();
    });
    filter.once('end', () => resolve(marker.finish()));
    filter.once('close', () => resolve(marker.finish()));
  });
  filter.on('error', () => {});
  source.pipe(filter);
  if (output === 'ignore') filter.resume();
  return {
    stdout: output === 'ignore' ? null : filter,
    report,
    stop: () => {
      source.destroy();
      filter.destroy();
    },
  };
}

function handedOn(
  source: Readable,
  nonce: string,
  output: 'hand-on' | number,
  guard: Pick<Guard, 'watch' | 'unwatch'>,
): RemoteOutput {
  const launch: Launch = {
    argv: ['runner-builtin', 'receive', nonce],
    env: { PATH: process.env.PATH ?? '' },
    feed: [],
    exits: [],
  };
  const hop = startProcess(launch, source, output === 'hand-on' ? 'pipe' : output, guard);
  // The other process has it now: our hold would keep the sender from noticing that nobody reads any more.
  source.destroy();
  const report = hop.ended.then((ended): OutputReport => {
    const line = ended.stderr.trim().split('\n').at(-1) ?? '';
    if (ended.exitCode === 0 && line.startsWith('{')) return JSON.parse(line) as Report;
    if (ended.exitCode === 141 || ended.fault !== undefined) return { begun: true, bytes: 0, broken: true };
    return { begun: true, bytes: 0, failure: faultOf([ended]) ?? new Error('it said nothing of the end') };
  });
  return { stdout: hop.stdout, report, stop: hop.stop };
}
