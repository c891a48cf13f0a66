import type { Finding, FindingRecord, FindingResult } from '../../catalog/format.ts';
import { Format } from '../../catalog/format.ts';
import { writeFinding } from '../../catalog/records.ts';
import type { Destination } from '../../destination.ts';
import type { RunContext } from './context.ts';

export type Found = {
  id: string;
  finding: Finding;
  result: FindingResult;
  /** SHA-256 (hex) of the manifest that it speaks of. */
  manifest: string;
  message?: string;
  until?: Date;
  details?: Record<string, unknown>;
};

/** Writes down, at one destination, what this run has learnt of a backup. */
export async function record(found: Found, destination: Destination, run: RunContext): Promise<void> {
  const { id, finding, result, manifest, message, until, details } = found;
  const entry: FindingRecord = {
    format: Format.record,
    id,
    finding,
    result,
    time: new Date().toISOString(),
    run: run.run,
    manifest,
    destination: destination.name,
    ...(message === undefined ? {} : { message: run.secrets.redact(message) }),
    ...(until === undefined ? {} : { until: until.toISOString() }),
    ...(details === undefined ? {} : { details }),
  };
  await writeFinding(destination, run.plan.name, entry);
}
