/** How the object of an upload becomes visible: once, and never in the place of another. */
import { KeyExists } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { S3Fault } from './faults.ts';
import { headOf } from './head.ts';
import type { Part, Upload } from './upload.ts';

/**
 * Completes an upload and looks at what lies there then: an answer of 200 may hold an error, and an answer that was lost says
 * nothing. Rejects with KeyExists when another object has the name.
 */
export async function claimName(upload: Upload, parts: readonly Part[], size: number): Promise<void> {
  const { client, keeping, name } = upload.place;
  if (await headOf(client, keeping, name)) throw taken(client.name, name);
  const fault = await completed(upload, parts);
  const there = await headOf(client, keeping, name);
  const isOurs = there && upload.made(there.Metadata);
  if (there && isOurs === false) throw taken(client.name, name);
  // Without metadata, a refusal means that the name was taken.
  if (there && isOurs === null && fault?.status === 412) throw taken(client.name, name);
  if (!there)
    throw fault ?? new RunnerError(`Destination ${client.name}: ${client.where(name)} was finished and is not there.`);
  if (there.ContentLength !== size)
    throw new RunnerError(
      `Destination ${client.name}: ${client.where(name)} has ${there.ContentLength} bytes and not the ${size} that were sent.`,
    );
  upload.done();
}

/** Null when the server said that it went well. */
async function completed(upload: Upload, parts: readonly Part[]): Promise<S3Fault | null> {
  try {
    await upload.complete(parts, true);
    return null;
  } catch (error) {
    if (!(error instanceof S3Fault)) throw error;
    // Servers that do not know the condition: there was nothing a moment ago.
    if (error.status === 501) return await upload.complete(parts, false).then(() => null);
    return error;
  }
}

export function taken(destination: string, name: string): KeyExists {
  return new KeyExists(`${name} already exists at ${destination}; nothing is overwritten.`);
}
