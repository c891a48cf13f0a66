/** Who holds a lease, and whether that holder is gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Destination, KeyMissing } from '../destination.ts';
import { Damaged, MadeByNewer, readDocument } from './document.ts';
import { Format, type Lease as LeaseFile } from './format.ts';
import { planKeys } from './keys.ts';
import { isDead } from './process-identity.ts';
import { checked, count, members, optional, text, time } from './shape.ts';

/** `lease` is null when its file cannot be read; `modified` is by the store's clock. */
export type Holder = { epoch: number; lease: LeaseFile | null; modified: Date };

/** The epoch that a key names, or null. */
export function epochOf(plan: string, key: string): number | null {
  const match = /^(\d{8,15})\.json$/.exec(key.slice(planKeys.leases(plan).length));
  return match ? Number(match[1]) : null;
}

/** The file of the highest epoch, or null when there never was one. */
export async function currentLease(destination: Destination, plan: string): Promise<Holder | null> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    let highest: { epoch: number; key: string; modified: Date } | null = null;
    for await (const batch of destination.list(planKeys.leases(plan))) {
      for (const { key, modified } of batch) {
        const epoch = epochOf(plan, key);
        if (epoch !== null && epoch > (highest?.epoch ?? 0)) highest = { epoch, key, modified };
      }
    }
    if (highest === null) return null;
    try {
      return { epoch: highest.epoch, lease: await readLease(destination, highest.key), modified: highest.modified };
    } catch (error) {
      // Overtaken between the listing and the reading: look again.
      if (!(error instanceof KeyMissing)) throw error;
    }
  }
  throw new Damaged(`The leases at ${destination.name} change faster than they can be read.`);
}

/** Null when it cannot be understood. Rejects with KeyMissing. */
export async function readLease(destination: Destination, key: string): Promise<LeaseFile | null> {
  try {
    const { value } = await readDocument(destination, key, Format.lease);
    return checked<LeaseFile>(value, shape, key);
  } catch (error) {
    if (error instanceof Damaged || error instanceof MadeByNewer) return null;
    throw error;
  }
}

const shape = members({
  run: text,
  host: text,
  bootId: text,
  pid: count,
  pidStart: text,
  acquired: time,
  beat: count,
  released: optional(time),
});

/**
 * Whether a lease may be taken over: it was released, its process is certainly dead, or it had no heartbeat for `expiry` seconds
 * by the store's clock. Because that clock may have jumped, such a holder is then watched for a beat (`glance` seconds).
 */
export async function isFree(
  destination: Destination,
  plan: string,
  holder: Holder,
  o: { expiry: number; glance: number },
  signal: AbortSignal,
): Promise<boolean> {
  if (holder.lease?.released !== undefined) return true;
  if (holder.lease && isDead(holder.lease)) return true;
  const age = (await destination.clock()).getTime() - holder.modified.getTime();
  if (age < o.expiry * 1000) return false;
  await sleep(o.glance * 1000, undefined, { signal });
  const later = await currentLease(destination, plan);
  return (
    later?.epoch === holder.epoch &&
    later.lease?.beat === holder.lease?.beat &&
    later.modified.getTime() === holder.modified.getTime()
  );
}
