import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { canonicalBytes } from '../../../src/catalog/document.ts';
import { Format, type Lease as LeaseFile } from '../../../src/catalog/format.ts';
import { planKeys } from '../../../src/catalog/keys.ts';
import { acquireLease, breakLease, type Lease } from '../../../src/catalog/lease.ts';
import { currentLease } from '../../../src/catalog/lease-state.ts';
import { isDead, ownIdentity } from '../../../src/catalog/process-identity.ts';
import type { Destination } from '../../../src/destination.ts';
import { local } from '../../../src/destinations/local/index.ts';
import { RunnerError } from '../../../src/diagnostic.ts';
import { keys } from '../../contracts/destination.ts';
import { opening } from '../../helpers/opening.ts';

const signal = new AbortController().signal;
const quick = { timeout: 0, signal, beat: 0.02, expiry: 0.1 };
const made: string[] = [];

async function place(): Promise<{ root: string; destination: Destination }> {
  const root = await mkdtemp(join(tmpdir(), 'runner-lease-'));
  made.push(root);
  return { root, destination: await local.open('disk', { path: root }, opening()) };
}

afterEach(async () => {
  for (const root of made.splice(0)) await rm(root, { recursive: true, force: true });
});

/** A lease as another process left it. */
async function left(destination: Destination, change: Partial<LeaseFile> = {}, epoch = 1): Promise<void> {
  const lease: LeaseFile = {
    format: Format.lease,
    run: 'other',
    host: 'db2',
    ...ownIdentity(),
    acquired: '2026-11-21T02:00:00.000Z',
    beat: 3,
    ...change,
  };
  await destination.write(planKeys.lease('shop', epoch), canonicalBytes(lease));
}

const isLocked = (error: unknown) => error instanceof RunnerError && error.exitCode === 5;

describe('a lease', () => {
  it('of 50 racing starters goes to exactly one; the others say who holds it and since when', async () => {
    const { destination } = await place();
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, (_, run) => acquireLease(destination, 'shop', `run-${run}`, { timeout: 0, signal })),
    );
    const winners = results.flatMap((result, run) =>
      result.status === 'fulfilled' ? [{ run, lease: result.value }] : [],
    );
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      expect(isLocked(result.reason)).toBe(true);
      expect(result.reason.message).toMatch(
        new RegExp(`held by run run-${winners[0]!.run} on .* \\(process ${process.pid}\\) since 20`),
      );
    }
    await winners[0]!.lease.check();
    await winners[0]!.lease.release();
  });

  it('is free again after its release, and epochs never come back', async () => {
    const { destination } = await place();
    for (const epoch of [1, 2, 3]) {
      const lease = await acquireLease(destination, 'shop', `run-${epoch}`, quick);
      expect((await currentLease(destination, 'shop'))?.epoch).toBe(epoch);
      await lease.release();
      await lease.release();
      await expect(lease.check()).rejects.toSatisfy(isLocked);
    }
    expect(await keys(destination, planKeys.leases('shop'))).toEqual([planKeys.lease('shop', 3)]);
  });

  it('of several starters over dead and released leases goes to one at a time', async () => {
    const { destination } = await place();
    await left(destination, { pid: 2 ** 22 + 1 }, 7);
    let holders = 0;
    let most = 0;
    const work = async (run: number) => {
      const lease = await acquireLease(destination, 'shop', `run-${run}`, {
        ...quick,
        timeout: 60,
        beat: 15,
        expiry: 120,
      });
      holders += 1;
      most = Math.max(most, holders);
      await lease.check();
      await sleep(2);
      await lease.check();
      holders -= 1;
      await lease.release();
    };
    // The wait between two looks is up to a second, so few enough of them.
    await Promise.all(Array.from({ length: 6 }, (_, run) => work(run)));
    expect(most).toBe(1);
  });

  it('waits as long as it was told, and gets what is released meanwhile', async () => {
    const { destination } = await place();
    const first = await acquireLease(destination, 'shop', 'first', { timeout: 0, signal });
    const second = acquireLease(destination, 'shop', 'second', { timeout: 60, signal });
    await sleep(50);
    await first.release();
    await (await second).release();
  });

  it('stops waiting when it is interrupted', async () => {
    const { destination } = await place();
    await left(destination);
    const abort = new AbortController();
    const waiting = acquireLease(destination, 'shop', 'second', { timeout: 60, signal: abort.signal });
    await sleep(50);
    abort.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow();
  });

  it.skipIf(process.platform !== 'linux')('of a process that died on this boot is taken over at once', async () => {
    const { destination } = await place();
    const child = spawn('sleep', ['60']);
    const stat = await readFile(`/proc/${child.pid}/stat`, 'latin1');
    const pidStart = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
    await left(destination, { pid: child.pid!, pidStart });
    await expect(acquireLease(destination, 'shop', 'mine', { timeout: 0, signal })).rejects.toSatisfy(isLocked);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lease = await acquireLease(destination, 'shop', 'mine', { timeout: 0, signal });
    expect((await currentLease(destination, 'shop'))?.lease?.run).toBe('mine');
    await lease.release();
  });

  it.skipIf(process.platform !== 'linux')(
    'whose pid belongs to another process now is taken over at once',
    async () => {
      const { destination } = await place();
      await left(destination, { pidStart: '1' });
      await (await acquireLease(destination, 'shop', 'mine', { timeout: 0, signal })).release();
      expect(isDead({ ...ownIdentity(), pidStart: '1' })).toBe(true);
      expect(isDead(ownIdentity())).toBe(false);
    },
  );

  it('of another machine or container is never judged by its pid', async () => {
    const { destination } = await place();
    await left(destination, { bootId: 'another boot', pid: 2 ** 22 + 1 });
    await expect(acquireLease(destination, 'shop', 'mine', { timeout: 0, signal })).rejects.toSatisfy(isLocked);
  });

  it('without a heartbeat for its time is taken over, by the clock of the store', async () => {
    const { root, destination } = await place();
    await left(destination, { bootId: 'another boot' });
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(root, planKeys.lease('shop', 1)), hourAgo, hourAgo);
    const lease = await acquireLease(destination, 'shop', 'mine', { timeout: 0, signal, beat: 0.02 });
    await lease.release();
  });

  it('that only looks old, because a clock jumped, is kept by its next heartbeat', async () => {
    const { root, destination } = await place();
    const holder = await acquireLease(destination, 'shop', 'holder', { timeout: 0, signal, beat: 0.05 });
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(root, planKeys.lease('shop', 1)), hourAgo, hourAgo);
    await expect(acquireLease(destination, 'shop', 'mine', { timeout: 0, signal, beat: 1 })).rejects.toSatisfy(
      isLocked,
    );
    await holder.check();
    await holder.release();
  });

  it('whose holder slept too long is lost to it: it finds out before it commits', async () => {
    const { destination } = await place();
    const sleeper: Lease = await acquireLease(destination, 'shop', 'sleeper', { timeout: 0, signal });
    await breakLease(destination, 'shop', 'person');
    const next = await acquireLease(destination, 'shop', 'next', quick);
    await expect(sleeper.check()).rejects.toThrow(/taken over by run next/);
    await sleeper.release();
    await next.check();
    await next.release();
  });

  it('is broken by a person, who is told whose it was', async () => {
    const { destination } = await place();
    expect(await breakLease(destination, 'shop', 'person')).toBeNull();
    await left(destination);
    expect(await breakLease(destination, 'shop', 'person')).toMatchObject({ run: 'other', host: 'db2' });
    expect(await breakLease(destination, 'shop', 'person')).toBeNull();
    await (await acquireLease(destination, 'shop', 'mine', quick)).release();
  });

  it('that cannot be read is held until its time is over', async () => {
    const { root, destination } = await place();
    await destination.write(planKeys.lease('shop', 1), Buffer.from('{ cut'));
    await expect(acquireLease(destination, 'shop', 'mine', { timeout: 0, signal })).rejects.toThrow(/cannot be read/);
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(root, planKeys.lease('shop', 1)), hourAgo, hourAgo);
    await (await acquireLease(destination, 'shop', 'mine', { timeout: 0, signal, beat: 0.02 })).release();
  });

  it('whose folder was deleted by hand is lost', async () => {
    const { root, destination } = await place();
    // The first sign of life is given when the folder is surely gone.
    const lease = await acquireLease(destination, 'shop', 'mine', { timeout: 0, signal, beat: 1 });
    await rm(join(root, 'shop/.runner/lease'), { recursive: true });
    await expect(lease.check()).rejects.toSatisfy(isLocked);
    await sleep(2500);
    expect(await keys(destination, planKeys.leases('shop'))).toEqual([]);
    await lease.release();
  });
});
