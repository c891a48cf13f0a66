/** Which snapshots lie in a repository: all of them, or an error. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import { ResticFault } from './faults.ts';
import type { Program } from './program.ts';
import { ourTag, readSnapshots, type Snapshot } from './snapshots.ts';

/** All of ours. Rejects unless each of them could be read; where a repository is still to be made there are none. */
export async function listSnapshots(program: Program): Promise<Snapshot[]> {
  const { name, initialize } = program.options;
  const words = ['snapshots', '--json', '--no-lock', '--tag', ourTag];
  try {
    for (let tries = 1; ; tries += 1) {
      const { stdout, stderr } = await program.run(words, { doing: 'list the snapshots' });
      // One that cannot be read is a warning for restic; a listing without it would let retention believe that it is gone.
      const problem = /^.*(could not load|failed to load|ignoring|invalid data).*$/im.exec(stderr)?.[0].trim();
      if (problem === undefined) return readSnapshots(stdout.toString());
      // Another run may have forgotten it between restic's listing and its reading.
      if (tries === 3)
        throw new RunnerError(`Destination ${name}: the listing of the snapshots is not whole: ${problem}.`);
    }
  } catch (error) {
    if (error instanceof ResticFault && error.kind === 'missing' && initialize) return [];
    throw error;
  }
}

/** The ids of all snapshots in the repository's folder on this machine; null where it is elsewhere, or not there. */
export async function readNames(folder: string | null): Promise<Set<string> | null> {
  if (folder === null) return null;
  try {
    const names = await readdir(join(folder, 'snapshots'));
    return new Set(names.filter((name) => /^[0-9a-f]{64}$/.test(name)));
  } catch {
    return null;
  }
}
