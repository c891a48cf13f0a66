/**
 * The lease of a plan at a destination: `.runner/lease/<epoch>.json`. The highest epoch is the holder's. An epoch is taken by a
 * write that refuses to overwrite (lease-take.ts: or, at a store that may overwrite, by the lowest of the announced starters), so of
 * any number of starters one wins; epochs are never given back, so who was overtaken
 * while it slept finds a higher one. The holder replaces its own file as heartbeat, and at the end says in it that it is free.
 * No correctness hangs on it: it saves work, gives exit 5, and keeps a suspended run from committing late.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Destination } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { canonicalBytes } from './document.ts';
import type { Lease as LeaseFile } from './format.ts';
import { planKeys } from './keys.ts';
import { currentLease, type Holder, isFree } from './lease-state.ts';
import { type Taken, take } from './lease-take.ts';

export type Lease = {
  /** Throws RunnerError (exit 5) when it is no longer ours. Call it before each commit and each batch of deletions. */
  check(): Promise<void>;
  release(): Promise<void>;
};

export type LeaseOptions = {
  /** Seconds to wait for another holder; 0: not at all. */
  timeout: number;
  signal: AbortSignal;
  /** Seconds between heartbeats; default 15, or what the destination wants. */
  beat?: number;
  /** Seconds without a heartbeat after which a holder counts as gone; default 8 heartbeats, at least 120. */
  expiry?: number;
};

/** Takes the lease. Throws RunnerError (exit 5, who and since when) while another run holds it. */
export async function acquireLease(
  destination: Destination,
  plan: string,
  run: string,
  o: LeaseOptions,
): Promise<Lease> {
  const beat = o.beat ?? destination.beat ?? 15;
  const watch = { expiry: o.expiry ?? Math.max(120, 8 * beat), glance: beat * 1.4 };
  const deadline = performance.now() + o.timeout * 1000;
  for (;;) {
    o.signal.throwIfAborted();
    const holder = await currentLease(destination, plan);
    if (holder === null || (await isFree(destination, plan, holder, watch, o.signal))) {
      const taken = await take(destination, plan, run, (holder?.epoch ?? 0) + 1, { ...watch, signal: o.signal });
      if (taken) return hold(destination, plan, taken, beat);
      continue;
    }
    if (holder.lease?.run === run) throw samePlace(destination);
    if (performance.now() >= deadline) throw heldBy(holder, destination);
    await sleep(Math.min(1000, Math.max(10, deadline - performance.now())), undefined, { signal: o.signal });
  }
}

/** Takes the lease from whoever holds it and frees it (`runner unlock`). Returns who held it, or null when nobody did. */
export async function breakLease(destination: Destination, plan: string, run: string): Promise<LeaseFile | null> {
  for (;;) {
    const holder = await currentLease(destination, plan);
    if (holder === null || holder.lease?.released !== undefined) return null;
    const watch = { expiry: 120, signal: new AbortController().signal };
    const taken = await take(destination, plan, run, holder.epoch + 1, watch);
    if (!taken) continue;
    await write(destination, plan, taken.epoch, { ...taken.lease, released: new Date().toISOString() });
    return holder.lease;
  }
}

function hold(destination: Destination, plan: string, { epoch, lease }: Taken, beat: number): Lease {
  let count = 0;
  let over = false;
  let beating: Promise<void> = Promise.resolve();
  const check = async (): Promise<void> => {
    const now = await currentLease(destination, plan);
    if (now?.epoch === epoch && now.lease?.run === lease.run && now.lease.released === undefined) return;
    const other = now?.lease && now.epoch !== epoch ? ` by ${told(now.lease)}` : '';
    throw new RunnerError(
      `The lease at ${destination.name} was taken over${other} while this run was away: it stops before it commits or deletes anything.`,
      { exitCode: 5 },
    );
  };
  const tick = async (): Promise<void> => {
    // A heartbeat that fails is told by the check before the next commit; the next one may succeed.
    try {
      await check();
      count += 1;
      if (!over) await write(destination, plan, epoch, { ...lease, beat: count });
    } catch {}
  };
  const timer = setInterval(() => {
    beating = beating.then(tick);
  }, beat * 1000);
  timer.unref();
  return {
    check,
    release: async () => {
      if (over) return;
      over = true;
      clearInterval(timer);
      await beating;
      const now = await currentLease(destination, plan);
      if (now?.epoch !== epoch || now.lease?.run !== lease.run || now.lease.released !== undefined) return;
      await write(destination, plan, epoch, {
        ...lease,
        beat: count,
        released: (await destination.clock()).toISOString(),
      });
    },
  };
}

async function write(destination: Destination, plan: string, epoch: number, lease: LeaseFile): Promise<void> {
  await destination.replace(planKeys.lease(plan, epoch), canonicalBytes(lease));
}

function told({ run, host, pid, acquired }: LeaseFile): string {
  return `run ${run} on ${host} (process ${pid}) since ${acquired}`;
}

/** What names do not tell: two hosts' names of one server, a folder and a link to it. */
function samePlace({ name }: Destination): RunnerError {
  return new RunnerError(
    `${name} is the same place as another destination of this plan: this very run holds its lease already. Leave one of them out.`,
  );
}

function heldBy({ lease }: Holder, destination: Destination): RunnerError {
  const who = lease ? told(lease) : 'a run whose lease cannot be read';
  return new RunnerError(
    `The lease at ${destination.name} is held by ${who}. Wait for it (--lock-timeout), or when it is surely gone: runner unlock.`,
    { exitCode: 5 },
  );
}
