import { RunnerError } from '../diagnostic.ts';

/** A RunnerError that a second try may cure. */
export class TransientError extends RunnerError {
  readonly transient = true;
}

const passing = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EAGAIN',
  'EAI_AGAIN',
  'EBUSY',
  'ENETDOWN',
  'ENETUNREACH',
  'ENETRESET',
  'EHOSTUNREACH',
  'EMFILE',
  'ENFILE',
]);
const lasting = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'EIO']);

type Clues = {
  transient?: unknown;
  code?: unknown;
  status?: unknown;
  statusCode?: unknown;
  $metadata?: { httpStatusCode?: unknown };
  cause?: unknown;
};

/**
 * Whether trying again may help: a broken connection, a busy or failing server (429, 5xx). A full disk never. The
 * outermost error that says something decides; `transient: true` or `false` on it says it outright.
 */
export function isTransient(error: unknown): boolean {
  let link = error;
  for (let depth = 0; depth < 8 && typeof link === 'object' && link !== null; depth += 1) {
    const clues = link as Clues;
    if (typeof clues.transient === 'boolean') return clues.transient;
    if (typeof clues.code === 'string' && lasting.has(clues.code)) return false;
    if (typeof clues.code === 'string' && passing.has(clues.code)) return true;
    const status = clues.$metadata?.httpStatusCode ?? clues.statusCode ?? clues.status;
    if (typeof status === 'number' && status >= 400) return status === 408 || status === 429 || status >= 500;
    link = clues.cause;
  }
  return false;
}
