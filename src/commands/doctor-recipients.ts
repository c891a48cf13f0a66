/** Whether the newest backups were made for the keys that the plan names now: told without any private key. */
import { inspectionKey, type RunFacts } from '../compile/facts.ts';
import { RunnerError } from '../diagnostic.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findTransform } from '../registry.ts';
import { type Examined, examine, type Health } from './examination.ts';
import { newestOf, type ReadCopy } from './find.ts';
import { type Row, rowsOf } from './rows.ts';
import type { Shelves } from './shelves.ts';

/** Bytes at the beginning of an artifact that name its keys. */
const headSize = 65_536;

/** One line for each backup whose last transform can tell; the others are passed over. */
export async function examineRecipients(plan: ResolvedPlan, facts: RunFacts, shelves: Shelves): Promise<Examined[]> {
  const telling = plan.backups.filter(({ transforms }) => {
    const last = transforms.at(-1);
    return last !== undefined && findTransform(last.type).compareRecipients !== undefined;
  });
  if (telling.length === 0) return [];
  const rows = await rowsOf(plan, shelves);
  const results: Examined[] = [];
  for (const backup of telling) {
    const subject = backup.name;
    let told = true;
    const examined = await examine('recipients', subject, async () => {
      const found = await compare(backup, rows, facts, shelves);
      told = found !== null;
      return found ?? '';
    });
    if (told) results.push(examined);
  }
  return results;
}

async function compare(
  backup: ResolvedBackup,
  rows: Row[],
  facts: RunFacts,
  { places }: Shelves,
): Promise<{ health: Health; message: string } | null> {
  // That a manifest cannot be read is told where the newest is opened.
  const copy = (await newestOf(rows, backup.name, places, () => {}))?.copies[0];
  const index = backup.transforms.length - 1;
  const { type, spec } = backup.transforms[index]!;
  const artifact = copy?.manifest.artifacts[0];
  // Another transform stood last when it was made: what it is sealed for lies further inside.
  if (!copy || !artifact || artifact.stages.at(-1)?.type !== type) return null;
  const inspection = facts.inspections[inspectionKey(backup.name, index)] ?? null;
  const head = await headOf(copy, artifact.key);
  const differences = await findTransform(type).compareRecipients!(spec, head, inspection).catch(() => {
    throw new RunnerError(`${artifact.key} at "${copy.place.name}" does not begin as ${type} writes it`);
  });
  if (differences === null) return null;
  const { id } = copy.manifest;
  if (differences.length === 0) return { health: 'ok', message: `${id} is sealed for the keys of the plan` };
  return { health: 'warning', message: `${id}, the newest: ${differences.join('; ')}` };
}

async function headOf({ place }: ReadCopy, key: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of await place.destination.get(key, { start: 0, end: headSize - 1 }))
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
