import { currentLease, type Holder } from '../catalog/lease-state.ts';
import { isDead } from '../catalog/process-identity.ts';
import type { Destination } from '../destination.ts';

/** Whether somebody holds a lease, as far as one look tells. */
export function isHeld(holder: Holder | null): holder is Holder {
  return holder !== null && holder.lease?.released === undefined;
}

/** Who holds it and since when, for a person. */
export function holderText({ lease, modified }: Holder): string {
  if (!lease) return `a run whose lease cannot be read, written ${modified.toISOString()}`;
  const gone = isDead(lease) ? ', which is gone' : '';
  return `run ${lease.run} on ${lease.host} (process ${lease.pid}${gone}) since ${lease.acquired}`;
}

/** The state of the lease at a destination in a few words. */
export async function leaseText(destination: Destination, plan: string): Promise<string> {
  const holder = await currentLease(destination, plan);
  return isHeld(holder) ? `held by ${holderText(holder)}` : 'free';
}
