import { ExitCode, RunnerError } from '../../diagnostic.ts';

/**
 * What this machine lacks, and not what the backup holds, kept a check from proving anything: nothing is written down, nothing is
 * pruned, and the backup is there all the same.
 */
export class Unproven extends RunnerError {
  override readonly name = 'Unproven';
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, exitCode: ExitCode.partial });
  }
}
