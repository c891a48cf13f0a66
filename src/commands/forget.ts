import { newNonce, stampOf } from '../catalog/identity.ts';
import { acquireLease } from '../catalog/lease.ts';
import { readManifest } from '../catalog/manifest.ts';
import { removeBackups } from '../catalog/remove.ts';
import { type ReadSecret, withoutName } from '../destination.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { RunContext } from '../execute/actions/context.ts';
import { document } from '../execute/actions/document.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';
import { oneLine } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { consent } from './consent.ts';
import { backupOf, findRow } from './find.ts';
import { writeSaying } from './findings.ts';
import { openPlan } from './plan-file.ts';
import type { Copy, Row } from './rows.ts';
import { type Place, tellFailures, withShelves } from './shelves.ts';

/** `runner forget`: one backup leaves every destination; its tombstones keep the reason. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const id = invocation.words[0]!;
  const backup = backupOf(id);
  const { reason } = invocation.options;
  if (reason === undefined || reason.trim() === '') {
    throw new RunnerError('forget needs --reason TEXT: it is all that will be left of the backup', { exitCode: 4 });
  }
  const plan = await openPlan(invocation, host);
  return withShelves(plan, Object.keys(plan.destinations), backup, host, async (shelves) => {
    tellFailures(shelves, host);
    const row = await findRow(plan, shelves, id);
    await agree(row, invocation, host);
    let removed = 0;
    for (const copy of row.copies) {
      const place = shelves.places.find(({ name }) => name === copy.destination);
      if (place) removed += await removeCopy(plan, shelves.readSecret, place, copy, reason, invocation, host);
    }
    host.terminal.data(`${id} is forgotten at ${removed} of ${row.copies.length} destinations\n`);
    if (removed === 0) return ExitCode.failure;
    return removed < row.copies.length || shelves.failures.length > 0 ? ExitCode.partial : ExitCode.success;
  });
}

async function agree(row: Row, invocation: Invocation, host: Host): Promise<void> {
  if (row.pinned) {
    throw new RunnerError(`${row.id} is pinned; \`runner unpin\` it first`, { exitCode: ExitCode.usage });
  }
  const places = row.copies.map(({ destination }) => destination).join(', ');
  await consent(`delete ${row.id} at ${places} for ever`, invocation, host);
}

/** 1 when it is gone from there. A destination that fails is told and does not stop the others. */
async function removeCopy(
  plan: ResolvedPlan,
  readSecret: ReadSecret,
  { name, destination }: Place,
  copy: Copy,
  reason: string,
  invocation: Invocation,
  host: Host,
): Promise<number> {
  const { type, spec } = plan.destinations[name]!;
  if (findDestination(type).appendOnly?.(spec)) {
    await disown(plan.name, { name, destination }, copy, reason, {
      host,
      why: `destination "${name}" is append-only: what is there stays until \`runner prune\` deletes it`,
    });
    await describeAgain(plan, readSecret, { name, destination }, host);
    return 0;
  }
  const run = `${stampOf(new Date())}-${newNonce()}`;
  const { lockTimeout = 0 } = invocation.options;
  const lease = await acquireLease(destination, plan.name, run, { timeout: lockTimeout, signal: host.signal });
  try {
    const items = [{ entry: copy.entry, reasons: [`forgotten: ${oneLine(reason)}`] }];
    const { removed, refused, locked } = await removeBackups(destination, plan.name, run, items, {
      stillOurs: () => lease.check(),
      now: new Date(),
    });
    for (const { message } of refused) host.terminal.say(`warning: ${message}\n`);
    for (const { message } of locked)
      await disown(plan.name, { name, destination }, copy, reason, { host, why: message });
    await describeAgain(plan, readSecret, { name, destination }, host);
    return removed.length;
  } catch (error) {
    host.terminal.say(`warning: destination "${name}": ${withoutName(name, (error as Error).message)}\n`);
    return 0;
  } finally {
    await lease.release();
  }
}

/** What may not be deleted yet counts no longer: no restore chooses it, it fills no slot, and a prune deletes it when it may. */
async function disown(
  plan: string,
  place: Pick<Place, 'name' | 'destination'>,
  copy: Copy,
  message: string,
  { host, why }: { host: Host; why: string },
): Promise<void> {
  const left = await readManifest(place.destination, copy.entry.manifestKey)
    .then(({ sha256 }) =>
      writeSaying(plan, place, copy, { finding: 'forget', result: 'set', manifest: sha256, message }),
    )
    .then(
      () => 'it counts as forgotten there from now on',
      (error: Error) => `nor could it be marked there: ${error.message}`,
    );
  host.terminal.say(`warning: ${why}; ${left}\n`);
}

/** RECOVERY.md may name what is gone now. */
async function describeAgain(
  plan: ResolvedPlan,
  read: ReadSecret,
  { name, destination }: Pick<Place, 'name' | 'destination'>,
  host: Host,
): Promise<void> {
  const backups = plan.backups.map((backup) => backup.name);
  const run = { plan, secrets: { read }, places: { open: async () => destination } } as unknown as RunContext;
  await document({ do: 'document', destination: name, backups }, run).catch((error: Error) =>
    host.terminal.say(`warning: RECOVERY.md at "${name}" was not written again: ${error.message}\n`),
  );
}
