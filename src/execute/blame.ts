import { basename } from 'node:path';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { Ended } from './launch.ts';

/**
 * Ends that are reported within this time of each other have no order: a program's files are closed, and its reader's
 * complaint may be heard, before its own end is. The upstream one is the likelier cause then, since one that only lost
 * its reader is told apart by its signal or its words.
 */
const simultaneousSeconds = 0.5;
const brokenPipe = /broken pipe|\bEPIPE\b|connection reset by peer|\bECONNRESET\b/i;

/**
 * The error of the stage that is to blame, or null when every verdict is better than `failed`. A dead consumer is, not
 * the producer that lost its reader; a dead producer is, not the consumer that complains about the end of its input.
 */
export function faultOf(ended: readonly Ended[]): RunnerError | null {
  const failed = ended.filter((stage) => stage.verdict === 'failed');
  if (failed.length === 0) return null;
  const lowest = Math.min(...failed.map(rank));
  const suspects = failed.filter((stage) => rank(stage) === lowest);
  const first = Math.min(...suspects.map((stage) => stage.seconds));
  const guilty = suspects.find((stage) => stage.seconds <= first + simultaneousSeconds) as Ended;
  const next = ended[ended.indexOf(guilty) + 1];
  return errorOf(guilty, next);
}

function rank(stage: Ended): number {
  switch (stage.fault?.kind) {
    case 'collateral':
    case 'not-started':
      return 3;
    case 'killed':
      return 1;
    case undefined:
      return lostItsReader(stage) ? 2 : 0;
    default:
      return 0;
  }
}

function lostItsReader(stage: Ended): boolean {
  // A shell reports a child's SIGPIPE as 128 + 13.
  return (
    stage.signal === 'SIGPIPE' || stage.exitCode === 141 || (stage.exitCode !== null && brokenPipe.test(stage.stderr))
  );
}

function errorOf(stage: Ended, next: Ended | undefined): RunnerError {
  if (stage.fault !== undefined) return asRunnerError(stage.fault.error);
  const where = stage.where === undefined ? '' : ` in ${stage.where}`;
  const name = programName(stage.argv);
  if (stage.signal === 'SIGPIPE' || stage.exitCode === 141) {
    const reader = next === undefined ? 'what reads its output' : `"${programName(next.argv)}" after it`;
    return new RunnerError(`"${name}"${where} could not hand on all of its output: ${reader} stopped reading.`);
  }
  const how =
    stage.signal === null
      ? `failed with exit code ${stage.exitCode}`
      : `was killed by ${stage.signal}${stage.signal === 'SIGKILL' ? ' (by hand, or the system ran out of memory)' : ''}`;
  const said = lastLines(stage.stderr);
  return new RunnerError(`"${name}"${where} ${how}${said === '' ? '; it printed no reason.' : `: ${said}`}`);
}

/** A reason as an error that can be shown; an abort without one is an interruption. */
export function asRunnerError(error: unknown): RunnerError {
  if (error instanceof RunnerError) return error;
  if (error instanceof Error && error.name === 'AbortError') {
    return new RunnerError('Interrupted.', { exitCode: ExitCode.interrupted });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new RunnerError(message, { cause: error });
}

/**
 * What a program said at its end, in one line: its last three lines, or the last one that calls itself an error with what stands
 * behind it, since some repeat a long command there.
 */
export function lastLines(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const error = lines.findLastIndex((line) => /\b(ERROR|FATAL|PANIC): /.test(line));
  if (error >= 0 && error < lines.length - 3)
    return lines
      .slice(error, error + 3)
      .join(' | ')
      .slice(0, 600);
  return lines.slice(-3).join(' | ').slice(-600);
}

/** The program itself: what shuts it in, `unshare -- setpriv -- PROGRAM`, is not to blame. */
function programName(argv: readonly string[]): string {
  const name = basename(argv[0] ?? '');
  const end = ['unshare', 'setpriv'].includes(name) ? argv.indexOf('--') : -1;
  return end < 0 ? name : programName(argv.slice(end + 1));
}
