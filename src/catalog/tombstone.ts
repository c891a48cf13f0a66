/** Tombstones say what is deleted before it is deleted, so that a cut prune is resumed and no copy brings it back. */
import type { Destination } from '../destination.ts';
import { Damaged, MadeByNewer, readDocument } from './document.ts';
import { Format, type Tombstone } from './format.ts';
import { manifestKey, planKeys } from './keys.ts';
import { claimProblem } from './layout.ts';
import { checked, list, members, text, time, wrong } from './shape.ts';

const doneSuffix = '.done.json';

/** Files read at a time. */
const width = 16;

export type OpenTombstone = { key: string; tombstone: Tombstone };

export const doneKey = (key: string): string => `${key.slice(0, -'.json'.length)}${doneSuffix}`;

/** Every tombstone of a plan: what was deleted, by id. Costs a read each; only copying and questions need it. */
export async function readTombstones(destination: Destination, plan: string): Promise<Map<string, Tombstone>> {
  const found = new Map<string, Tombstone>();
  const keys = (await tombstoneKeys(destination, plan)).filter((name) => !name.endsWith(doneSuffix));
  for (let start = 0; start < keys.length; start += width) {
    const batch = keys.slice(start, start + width).map((key) => readTombstone(destination, plan, key));
    for (const tombstone of await Promise.all(batch)) for (const { id } of tombstone.deleted) found.set(id, tombstone);
  }
  return found;
}

/** The tombstones among these keys whose deletions have not all happened. One that cannot be read becomes a problem. */
export async function openTombstones(
  destination: Destination,
  plan: string,
  keys: readonly string[],
): Promise<{ open: OpenTombstone[]; problems: string[] }> {
  const all = new Set(keys);
  const result: { open: OpenTombstone[]; problems: string[] } = { open: [], problems: [] };
  for (const key of keys.toSorted()) {
    if (!key.endsWith('.json') || key.endsWith(doneSuffix) || all.has(doneKey(key))) continue;
    try {
      result.open.push({ key, tombstone: await readTombstone(destination, plan, key) });
    } catch (error) {
      if (!(error instanceof Damaged || error instanceof MadeByNewer)) throw error;
      result.problems.push(error.message);
    }
  }
  return result;
}

export async function tombstoneKeys(destination: Destination, plan: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const batch of destination.list(planKeys.tombstones(plan))) keys.push(...batch.map(({ key }) => key));
  return keys.sort();
}

async function readTombstone(destination: Destination, plan: string, key: string): Promise<Tombstone> {
  const { value } = await readDocument(destination, key, Format.tombstone);
  const deletion = (item: unknown, at: string) => {
    const { id, manifestKey: named, artifactKeys } = deleted(item, at) as Tombstone['deleted'][number];
    if (named !== safely(() => manifestKey(plan, id))) wrong(`${at}.manifestKey`, 'the manifest of its id');
    for (const artifact of artifactKeys) if (claimProblem(plan, id, artifact)) wrong(`${at}.artifactKeys`, 'its own');
    return item;
  };
  const shape = members({ run: text, time, deleted: list(deletion) });
  return checked<Tombstone>(value, shape, `The tombstone ${key} at ${destination.name}`);
}

const deleted = members({ id: text, manifestKey: text, artifactKeys: list(text), reasons: list(text) });

function safely<T>(give: () => T): T | null {
  try {
    return give();
  } catch {
    return null;
  }
}
