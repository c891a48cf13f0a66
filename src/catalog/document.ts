/** Small JSON files of the catalogue: written once as canonical text, read with suspicion. */

import { type Destination, KeyMissing } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';

/** Bytes; far more than any honest file of ours: a manifest may hold a checksum of each of ten thousands of tables. */
export const sizeLimit = 16 * 1024 * 1024;

/** A file that a newer runner wrote: its major version is unknown here. It is left alone. */
export class MadeByNewer extends RunnerError {
  override readonly name = 'MadeByNewer';
}

/** A file that is cut, damaged, or not what its place says. */
export class Damaged extends RunnerError {
  override readonly name = 'Damaged';
}

/** In this order members are written, at every depth; unknown ones follow by name. `mac` is last: see authenticity.ts. */
const order = (
  'format id plan name digest type backup purpose variant run created started time host source argv version facts tools ' +
  'runner moment from to tiers tags required plainSize seconds warnings artifacts key attempt size sha256 manifestKey ' +
  'stages extension parameters keys sequence previous recovery answers set members finding result manifest destination message ' +
  'tier keptUntil until details deleted artifactKeys reasons layout plan-id bootId pid pidStart acquired beat released alg kdf salt iterations value'
).split(' ');
const ranks = new Map(order.map((name, index) => [name, index]));

function rank(name: string): number {
  return name === 'mac' ? order.length + 1 : (ranks.get(name) ?? order.length);
}

/** The same value as always the same text: known members in a fixed order, two spaces, a line feed at the end. */
export function canonicalText(value: object): string {
  return `${JSON.stringify(ordered(value), null, 2)}\n`;
}

export function canonicalBytes(value: object): Uint8Array {
  return Buffer.from(canonicalText(value));
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([left], [right]) => rank(left) - rank(right) || (left < right ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, ordered(member)]));
}

export type Document = { value: Record<string, unknown>; bytes: Uint8Array };

/** Reads a file and checks what it says it is. Throws KeyMissing, MadeByNewer or Damaged. */
export async function readDocument(destination: Destination, key: string, format: string): Promise<Document> {
  const bytes = await readWhole(destination, key);
  return { value: parseDocument(bytes, format, `${key} at ${destination.name}`), bytes };
}

async function readWhole(destination: Destination, key: string): Promise<Uint8Array> {
  const found = await destination.stat(key);
  if (!found) throw new KeyMissing(`${key} is not at ${destination.name}.`);
  if (found.size <= sizeLimit) return await destination.read(key, sizeLimit);
  throw new Damaged(
    `${key} at ${destination.name} is ${found.size} bytes long, which no file of its kind is: it is not read.`,
  );
}

/** Parses bytes that claim a format. `name` says whose they are, for the sentence of Damaged or MadeByNewer. */
export function parseDocument(bytes: Uint8Array, format: string, name: string): Record<string, unknown> {
  const value = parseJson(bytes, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Damaged(`${name} is damaged: it holds no JSON object.`);
  }
  const said = (value as Record<string, unknown>).format;
  if (said === format) return value as Record<string, unknown>;
  const [family] = format.split('@');
  if (typeof said === 'string' && /^@\d{1,9}$/.test(said.slice(family!.length)) && said.startsWith(`${family}@`)) {
    throw new MadeByNewer(`${name} was made by a newer runner (${said}; this one knows ${format}): it is left alone.`);
  }
  throw new Damaged(`${name} is damaged: it does not say "format": "${format}".`);
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Damaged(`${name} is damaged: it is cut short or not JSON (${bytes.length} bytes).`);
  }
}
