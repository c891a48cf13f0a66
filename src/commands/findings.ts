/** What a person says of a backup: a pin, its end, an acceptance. Written at every destination that holds it. */
import { type Finding, type FindingRecord, Format } from '../catalog/format.ts';
import { newNonce, stampOf } from '../catalog/identity.ts';
import { writeFinding } from '../catalog/records.ts';
import { ExitCode } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow, readCopies } from './find.ts';
import { openPlan } from './plan-file.ts';
import type { Copy } from './rows.ts';
import { type Place, tellFailures, withShelves } from './shelves.ts';

export type Saying = { finding: Extract<Finding, 'pin' | 'unpin' | 'accept'>; until?: string; done: string };

/** Writes the finding about ID. Exit 1 when a destination could not be read or written: its copy does not know. */
export async function say(invocation: Invocation, host: Host, saying: (timezone: string) => Saying): Promise<ExitCode> {
  const id = invocation.words[0]!;
  const backup = backupOf(id);
  const plan = await openPlan(invocation, host);
  const { finding, until, done } = saying(plan.timezone);
  const warn = (message: string) => host.terminal.say(`warning: ${message}\n`);
  return withShelves(plan, Object.keys(plan.destinations), backup, host, async (shelves) => {
    tellFailures(shelves, host);
    const copies = await readCopies(await findRow(plan, shelves, id), shelves.places, warn);
    let written = 0;
    for (const { place, sha256, copy } of copies) {
      const { reason: message } = invocation.options;
      const said = {
        finding,
        result: 'set' as const,
        manifest: sha256,
        ...(message === undefined ? {} : { message }),
        ...(until === undefined ? {} : { until }),
      };
      try {
        await writeSaying(plan.name, place, copy, said);
        written += 1;
      } catch (error) {
        warn(`nothing was written at ${place.name}: ${(error as Error).message}`);
      }
    }
    if (written > 0) host.terminal.data(`${id} ${done}\n`);
    if (written === 0) return ExitCode.failure;
    return written < copies.length || shelves.failures.length > 0 ? ExitCode.partial : ExitCode.success;
  });
}

/** Writes what a person says of one copy beside it. */
export async function writeSaying(
  plan: string,
  { name, destination }: Pick<Place, 'name' | 'destination'>,
  { entry }: Copy,
  said: Pick<FindingRecord, 'finding' | 'result' | 'manifest' | 'message' | 'until'>,
): Promise<void> {
  const now = new Date();
  const run = `${stampOf(now)}-${newNonce()}`;
  const record = { format: Format.record, id: entry.id, time: now.toISOString(), run, destination: name, ...said };
  await writeFinding(destination, plan, record, entry);
}
