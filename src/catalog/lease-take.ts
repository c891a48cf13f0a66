/**
 * How an epoch is taken. Where the store refuses to overwrite, whoever writes its file first has it. Elsewhere each starter
 * announces itself in a file of its own, looks who else has, waits, and looks again: the lowest name wins, the others step back.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Destination, KeyExists, KeyMissing } from '../destination.ts';
import { canonicalBytes } from './document.ts';
import { Format, type Lease as LeaseFile } from './format.ts';
import { planKeys } from './keys.ts';
import { currentLease, epochOf, readLease } from './lease-state.ts';
import { isDead, ownIdentity } from './process-identity.ts';

export type Taken = { epoch: number; lease: LeaseFile };

/** `expiry`: seconds after which the announcement of a starter counts as that of a dead one. */
type Watch = { expiry: number; signal: AbortSignal };

/** Null when another starter was faster. */
export async function take(
  destination: Destination,
  plan: string,
  run: string,
  epoch: number,
  watch: Watch,
): Promise<Taken | null> {
  const acquired = (await destination.clock()).toISOString();
  const lease: LeaseFile = { format: Format.lease, run, host: hostname(), ...ownIdentity(), acquired, beat: 0 };
  const claim = { destination, plan, epoch, lease };
  const taken = (await isExclusive(destination)) ? await byWriting(claim) : await byAnnouncement(claim, watch);
  // With a stale view an epoch that was already overtaken can be written again: it is not the highest then.
  const now = taken ? await currentLease(destination, plan) : null;
  if (now?.epoch !== epoch || now.lease?.run !== run) return null;
  // Older epochs mean nothing any more; the highest one always stays.
  for await (const batch of destination.list(planKeys.leases(plan))) {
    for (const { key } of batch) if ((epochOf(plan, key) ?? epoch) < epoch) await destination.remove(key);
  }
  return { epoch, lease };
}

async function isExclusive({ exclusive }: Destination): Promise<boolean> {
  return typeof exclusive === 'function' ? await exclusive() : exclusive !== false;
}

type Claim = { destination: Destination; plan: string; epoch: number; lease: LeaseFile };

async function byWriting({ destination, plan, epoch, lease }: Claim): Promise<boolean> {
  try {
    await destination.write(planKeys.lease(plan, epoch), canonicalBytes(lease));
    return true;
  } catch (error) {
    if (error instanceof KeyExists) return false;
    throw error;
  }
}

/** Milliseconds between the two looks, at a store that answers at once. */
const shortestPause = 1500;

/** So many times what the announcement itself took: everybody else's is seen by then, unless that one takes far longer. */
const patience = 5;

async function byAnnouncement(claim: Claim, { expiry, signal }: Watch): Promise<boolean> {
  const { destination, plan, epoch, lease } = claim;
  const own = planKeys.claim(plan, epoch, randomBytes(8).toString('hex'));
  const began = performance.now();
  try {
    await destination.write(own, canonicalBytes(lease));
    const first = await isLowest(claim, own, expiry);
    const pause = Math.max(shortestPause, patience * (performance.now() - began));
    await sleep(pause * (1 + Math.random() / 4), undefined, { signal });
    const looked = performance.now();
    // Who steps back has waited long enough for the winner's file to be there.
    if (!first || !(await isLowest(claim, own, expiry))) return false;
    await destination.replace(planKeys.lease(plan, epoch), canonicalBytes(lease));
    // Who announced itself after our look must find this file at its own second one. Where that is not sure, all begin again.
    if (performance.now() - looked < pause / 2) return true;
    await giveUp(claim);
    return false;
  } finally {
    await destination.remove(own).catch(() => {});
  }
}

/** Whether nobody has the epoch yet and no living starter's name is lower. What dead ones left is removed on the way. */
async function isLowest({ destination, plan, epoch }: Claim, own: string, expiry: number): Promise<boolean> {
  const now = (await destination.clock()).getTime();
  let lowest = true;
  for await (const batch of destination.list(planKeys.leases(plan))) {
    for (const { key, modified } of batch) {
      if ((epochOf(plan, key) ?? 0) >= epoch) lowest = false;
      if (!key.endsWith('.claim.json') || key === own) continue;
      if (now - modified.getTime() > expiry * 1000) await destination.remove(key).catch(() => {});
      else if (key < own && key >= planKeys.claim(plan, epoch, '')) lowest &&= await isOver(destination, key);
    }
  }
  return lowest;
}

/** Whether who announced itself so has stepped back since, or died on this machine. */
async function isOver(destination: Destination, key: string): Promise<boolean> {
  try {
    const lease = await readLease(destination, key);
    if (lease === null || !isDead(lease)) return false;
  } catch (error) {
    if (error instanceof KeyMissing) return true;
    throw error;
  }
  await destination.remove(key);
  return true;
}

async function giveUp({ destination, plan, epoch, lease }: Claim): Promise<void> {
  const now = await currentLease(destination, plan);
  if (now?.epoch !== epoch || now.lease?.run !== lease.run) return;
  const released = (await destination.clock()).toISOString();
  await destination.replace(planKeys.lease(plan, epoch), canonicalBytes({ ...lease, released }));
}
