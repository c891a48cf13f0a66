/** What restic says of a snapshot that it has made. */
import { RunnerError } from '../../diagnostic.ts';

/** What `restic backup --json` said in the end. */
export function readSummary(stdout: Uint8Array, key: string): { id: string; size: number } {
  for (const line of Buffer.from(stdout).toString().split('\n').toReversed()) {
    if (!line.includes('"summary"')) continue;
    const said = JSON.parse(line) as { snapshot_id?: string; total_bytes_processed?: number };
    if (said.snapshot_id) return { id: said.snapshot_id, size: said.total_bytes_processed ?? -1 };
  }
  throw new RunnerError(`restic told no snapshot of ${key}: it is not taken as written.`);
}
