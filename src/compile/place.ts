/** Where programs run: the `run-in` of a plan on the commands that a driver wrote without knowing of it. */
import type { Command, Place } from '../command.ts';
import type { PlannedPlace } from '../plan/resolved.ts';
import { mapped } from './rewrite.ts';

export function placeOf(planned: PlannedPlace | undefined): Place | null {
  return planned ?? null;
}

/**
 * The same with every command, and every program and path that is required, at a place. Our own filters stay here: they take
 * what comes from there. A stream that goes into a file is written to one there.
 */
export function placed<T>(value: T, place: Place | null): T {
  if (place === null) return value;
  return mapped(value, (object) => {
    if (Array.isArray(object.argv)) return object.place || isOurs(object.argv) ? object : { ...object, place };
    if (object.need === 'program' || object.need === 'path') return { ...object, place };
    if (isFileIntake(object.intake)) return { ...object, intake: { consume: writer(object.intake.file, place) } };
    return object;
  });
}

function isOurs(argv: unknown[]): boolean {
  return argv.includes('runner-builtin');
}

function isFileIntake(intake: unknown): intake is { file: Command['argv'][number] } {
  return typeof intake === 'object' && intake !== null && 'file' in intake;
}

function writer(file: Command['argv'][number], place: Place): Command {
  return { argv: ['sh', '-c', 'umask 077; exec cat >"$1"', 'sh', file], place };
}
