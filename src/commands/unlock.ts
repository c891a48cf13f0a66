import { newNonce, stampOf } from '../catalog/identity.ts';
import { breakLease } from '../catalog/lease.ts';
import { currentLease } from '../catalog/lease-state.ts';
import { ExitCode } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';
import { consent } from './consent.ts';
import { holderText, isHeld } from './lease-text.ts';
import { openPlan } from './plan-file.ts';
import { type Place, tellFailures, withShelves } from './shelves.ts';

/** `runner unlock`: frees what a run left locked; a run that is still alive will stop before its next commit. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const plan = await openPlan(invocation, host);
  return withShelves(plan, Object.keys(plan.destinations), null, host, async (shelves) => {
    tellFailures(shelves, host);
    const held: { place: Place; holder: string }[] = [];
    for (const place of shelves.places) {
      const holder = await currentLease(place.destination, plan.name);
      if (isHeld(holder)) held.push({ place, holder: holderText(holder) });
    }
    if (held.length === 0) host.terminal.data('nothing is locked\n');
    for (const { place, holder } of held) {
      await consent(`break the lock at ${place.name}, held by ${holder}`, invocation, host);
      await breakLease(place.destination, plan.name, `${stampOf(new Date())}-${newNonce()}`);
      host.terminal.data(`${place.name}: the lock of ${holder} is broken\n`);
    }
    return shelves.failures.length > 0 ? ExitCode.partial : ExitCode.success;
  });
}
