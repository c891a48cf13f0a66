import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { RestoreOrigin } from '../../graph.ts';
import type { RunContext } from './context.ts';

/** The artifact's bytes, from a destination or from a file outside the catalogue. */
export async function openOrigin(from: RestoreOrigin, key: string, run: RunContext): Promise<Readable> {
  if ('file' in from) return createReadStream(from.file);
  return await (await run.places.open(from.destination)).get(key);
}
