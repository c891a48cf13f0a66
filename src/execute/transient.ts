import { RunnerError } from '../diagnostic.ts';

/** A RunnerError that a second try may cure. */
export class TransientError extends RunnerError {
  override readonly name = 'TransientError';
}

/** Whether trying again may help: a broken connection, a busy or failing server. A full disk never. */
export function isTransient(_error: unknown): boolean {
  return false;
}
