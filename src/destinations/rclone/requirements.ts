/** What every kind that runs rclone needs. */
import type { Requirement } from '../../graph.ts';
import { parseSize } from '../../units.ts';
import { flagProblem } from './flags.ts';

/** `secrets` are the names of those that are read to open it. */
export function requirementsOf(
  name: string,
  place: string,
  spec: { flags?: string[]; 'min-free'?: string },
  secrets: string[],
): Requirement[] {
  const minimumFree = spec['min-free'] === undefined ? null : parseSize(spec['min-free']);
  const why = `backups are written to ${place}`;
  const hint = 'apt-get install rclone, or see rclone.org/downloads';
  const problems = (spec.flags ?? []).map(flagProblem).filter((problem) => problem !== null);
  return [
    { need: 'program', program: 'rclone', why, hint },
    ...[...new Set(secrets)].map((secret) => ({ need: 'secret' as const, secret, why: `it opens ${place}` })),
    ...problems.map((problem) => ({ need: 'fact' as const, problem: `destination "${name}": ${problem}` })),
    { need: 'destination', destination: name, why, ...(minimumFree === null ? {} : { minimumFree }) },
  ];
}
