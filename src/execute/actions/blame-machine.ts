import type { Ended } from '../launch.ts';
import { codeOf } from './errors.ts';
import { PourFailed } from './open-artifact.ts';

/** What programs say when a disk, a limit or a permission of this machine stopped them. */
const exhausted =
  /no space left|disk (is )?full|disk quota|quota exceeded|cannot allocate memory|out of memory|permission denied|read-only file system|too many open files/i;

/** What a kind's own check says of a throw-away server here: the data wants more than it has. */
const lacking = /not installed on this machine/;

/** Whether what is restored needs something that this machine has not, which its kind has found out itself. */
export function lacksHere(error: unknown): boolean {
  return error instanceof PourFailed && error.ended.some(({ stderr }) => lacking.test(stderr));
}

/**
 * Whether it is the machine's or the keys' fault that a copy with the right bytes could not be opened: a missing program, a
 * full disk, a time limit, a decoder that refuses the key. Such a failure says nothing of the data. Asked only once the
 * bytes are known to be right.
 */
export function blamesMachine(error: unknown): boolean {
  if (!(error instanceof PourFailed)) return true;
  if (codeOf(error.cause) !== undefined || codeOf((error.cause as Error).cause) !== undefined) return true;
  const failed = (all: Ended[]) =>
    all.filter(({ verdict, fault }) => verdict === 'failed' && fault?.kind !== 'collateral');
  const own = failed(error.ended).filter(({ fault }) => fault?.kind !== 'killed');
  if (own.some(({ fault, stderr }) => fault !== undefined || exhausted.test(stderr))) return true;
  return failed(error.ended.slice(0, error.decoders)).some(({ fault }) => fault?.kind !== 'killed');
}
