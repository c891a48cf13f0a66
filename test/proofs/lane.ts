/** A shelf with old backups, runs that are stopped in a phase of their work, and what must be true after them. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { runner } from '../helpers/runner.ts';
import { random } from '../unit/retention/histories.ts';
import { idAt, layAgain, modelOf } from './shelf.ts';
import { filesBelow, full, hashes, isOnPath, launch, partialBackup, type Running, waitFor } from './support.ts';

export const phases = ['capture', 'fsync', 'publish', 'manifest', 'verify', 'prune'] as const;
export type Phase = (typeof phases)[number];

/** Where a phase is stopped, when the blow does not simply come at a random moment of it. */
const points: Partial<Record<Phase, string[]>> = {
  fsync: ['fsync'],
  publish: ['linked-sealed', 'link-artifact', 'linked-artifact', 'unlinked-artifact'],
  manifest: ['link-manifest', 'linked-manifest', 'unlinked-manifest', 'link-mark', 'linked-mark'],
  // Four files for each expendable one; the tombstone before them and the word that it is done behind them.
  prune: ['linked-tombstone', ...[1, 2, 3, 4, 5, 9, 14, 17].map((number) => `removal-${number}`), 'link-done'],
};

export const oldBackups = 20;
const expendable = 6;
const seed = random(20_261_121);

export type Lane = {
  root: string;
  disk: string;
  tmp: string;
  plan: string;
  big: string;
  small: string;
  bigSize: number;
  oldFiles: string[];
  oldHashes: Map<string, string>;
  model: string;
  turns: number;
};

const plan = `version: 1
name: shop
timezone: UTC
destinations: { disk: { type: local, path: disk } }
backups:
  orders:
    source: { type: command, run: [sh, -c, 'cat "$$DATA"'] }
    transforms: [${isOnPath('zstd') ? '{ zstd: { level: 1 } }' : '{ gzip: { level: 1 } }'}]
    destinations: [disk]
    retention: { daily: 60 }
    verify: [content]
`;

export const environment = (lane: Lane, data: string) => ({ TMPDIR: lane.tmp, DATA: data });

/** Files in `home` of what is backed up, and one lane below it for each name. */
export async function makeLanes(home: string, names: string[], bigSize: number): Promise<Lane[]> {
  const data = { big: join(home, 'big.bin'), small: join(home, 'small.bin') };
  await writeFile(data.big, randomBytes(bigSize));
  await writeFile(data.small, randomBytes(300_000));
  await writeFile(join(home, 'old.bin'), randomBytes(full ? 2_000_000 : 200_000));
  return await Promise.all(names.map((name) => makeLane(home, name, { ...data, bigSize })));
}

async function makeLane(home: string, name: string, data: Pick<Lane, 'big' | 'small' | 'bigSize'>): Promise<Lane> {
  const root = join(home, name);
  const lane: Lane = {
    root,
    disk: join(root, 'disk'),
    tmp: join(root, 'tmp'),
    plan: join(root, 'plan.yaml'),
    ...data,
    oldFiles: [],
    oldHashes: new Map(),
    model: '',
    turns: 0,
  };
  await mkdir(lane.tmp, { recursive: true });
  await writeFile(lane.plan, plan);
  const first = await runner(['apply', '--json', lane.plan], { env: environment(lane, join(home, 'old.bin')) });
  expect(first.stderr).toBe('');
  expect(first.exitCode).toBe(0);
  lane.model = /"id":"(orders-[^"]+)"/.exec(first.stdout)![1]!;
  const model = await modelOf(lane.disk, 'shop', lane.model);
  for (let day = 1; day <= oldBackups; day += 1) {
    lane.oldFiles.push(...(await layAgain(model, idAt('orders', daysAgo(day), day))));
  }
  lane.oldHashes = await hashes(lane.disk, lane.oldFiles);
  return lane;
}

/** 01:00 UTC of an earlier day. */
function daysAgo(days: number): Date {
  return new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 - days * 86_400_000 + 3_600_000);
}

/** Backups that are not the first of their day: the next prune deletes them. */
async function layExpendable(lane: Lane): Promise<void> {
  const model = await modelOf(lane.disk, 'shop', lane.model);
  lane.turns += 1;
  for (let index = 0; index < expendable; index += 1) {
    const time = new Date(daysAgo(1 + index).getTime() + 3_600_000 + lane.turns * 1000);
    await layAgain(model, idAt('orders', time, 1000 + lane.turns * 10 + index), { linked: true });
  }
}

export type Stopped = { running: Running; point: string; reached: boolean; log: string };

/**
 * Starts a run and returns when it is in the phase; `turn` chooses the step of it. It stays there, or with `pause` (ms) goes on
 * after that.
 */
export async function startUntil(lane: Lane, phase: Phase, turn: number, pause?: number): Promise<Stopped> {
  await layExpendable(lane);
  const log = join(lane.root, 'stall.log');
  await rm(log, { force: true });
  const choices = points[phase] ?? [];
  const point = choices[turn % choices.length];
  const preload = { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'stall.mjs')}`, STALL_LOG: log };
  const stalled = point === undefined ? {} : { ...preload, STALL_AT: point, STALL_FOR: String(pause ?? '') };
  const words = phase === 'prune' && turn % 2 === 1 ? ['prune', '--yes'] : ['apply'];
  const data = phase === 'prune' ? lane.small : lane.big;
  const running = await launch([...words, '--json', lane.plan], { env: { ...environment(lane, data), ...stalled } });
  const reached = await reachPhase(lane, phase, running, point === undefined ? null : log);
  return { running, point: point ?? 'random moment', reached, log };
}

async function reachPhase(lane: Lane, phase: Phase, running: Running, log: string | null): Promise<boolean> {
  const isOver = running.ended.then(() => false);
  if (log !== null) {
    const reached = await Promise.race([waitFor(() => existsSync(log), 60_000, 1), isOver]);
    if (phase === 'fsync') await sleep(seed.below(full ? 40 : 3));
    return reached;
  }
  if (phase === 'capture') {
    const share = 0.02 + seed.next() * 0.9;
    return await Promise.race([waitFor(() => partSize(lane) > lane.bigSize * share, 60_000, 1), isOver]);
  }
  const started = await running.until('"event":"task-started","task":"verify:');
  await sleep(seed.below(full ? 150 : 8));
  return started !== null;
}

/** What a dead run left must agree with the phase that it is counted in. */
export function isIn(lane: Lane, phase: Phase, { running, log }: Stopped): boolean {
  const { stdout } = running.said;
  if (phase === 'capture') return partSize(lane) < lane.bigSize && partSize(lane) > 0;
  if (phase === 'fsync') return readFileSync(log, 'utf8') === 'fsync\n' && partSize(lane) >= lane.bigSize;
  if (phase === 'verify')
    return stdout.includes('"event":"committed"') && !/"task-finished","task":"verify:/.test(stdout);
  return true;
}

/** Size of the artifact on its way, or -1. */
function partSize(lane: Lane): number {
  const now = new Date().toISOString();
  const folder = join(lane.disk, 'shop/orders', now.slice(0, 4), now.slice(5, 7));
  const name = readdirSync(folder).find((one) => one.startsWith('.part-') && !one.startsWith('.part-small-'));
  return name === undefined ? -1 : (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? -1);
}

export function isSmallPart(file: string): boolean {
  return file.includes('/.part-small-');
}

/** Right after the end of a run: old ones as they were, no partial backup to be seen, no private directory. */
export async function whatIsLeft(lane: Lane, where: string): Promise<void> {
  expect(
    await waitFor(() => readdirSync(lane.tmp).length === 0, 20_000),
    `${where}: private directories: ${readdirSync(lane.tmp)}`,
  ).toBe(true);
  await oldUntouched(lane, where);
  const list = await runner(['list', '--json', lane.plan], { env: environment(lane, lane.small) });
  expect([list.exitCode, list.stderr], where).toEqual([0, '']);
  const listed = new Set<string>([...list.stdout.matchAll(/"id": ?"(orders-[^"]+)"/g)].map((match) => match[1]!));
  expect(listed.size, where).toBeGreaterThanOrEqual(oldBackups);
  const whole = new Set(filesBelow(lane.disk).flatMap((file) => /([^/]+)\.manifest\.json$/.exec(file)?.slice(1) ?? []));
  for (const id of listed) expect(whole, `${where}: ${id} is listed`).toContain(id);
}

/** Committed by a run that died before it could prove it: kept for days as not good. Here it would only fill the disk. */
async function forgetUnproven(lane: Lane, where: string): Promise<void> {
  const list = await runner(['list', '--json', lane.plan], { env: environment(lane, lane.small) });
  const { backups } = JSON.parse(list.stdout) as { backups: { id: string; state: string }[] };
  for (const { id, state } of backups) {
    if (state === 'good') continue;
    expect(state, `${where}: ${id}`).toBe('unproven');
    const words = ['forget', '--yes', '--reason', 'its run was killed before it was verified', lane.plan, id];
    const forgotten = await runner(words, { env: environment(lane, lane.small) });
    expect([forgotten.exitCode, forgotten.stderr], where).toEqual([0, '']);
  }
}

/** The next run succeeds and puts everything in order; returns what it says it settled. */
export async function nextRun(lane: Lane, where: string): Promise<string> {
  const next = await runner(['apply', '--json', lane.plan], { env: environment(lane, lane.small) });
  expect([next.exitCode, next.stderr], `${where}: the next run: ${next.stdout.slice(-2000)}`).toEqual([0, '']);
  const files = filesBelow(lane.disk);
  // A small file that was being written leaves a hidden temporary, which a later run sweeps: see the end of the proof.
  expect(
    files.filter((file) => (file.includes('.part-') || file.includes('/.runner/journal/')) && !isSmallPart(file)),
    where,
  ).toEqual([]);
  const tombstones = files.filter((file) => file.includes('/.runner/pruned/'));
  const open = tombstones.filter(
    (file) =>
      !file.endsWith('.done.json') &&
      !tombstones.includes(file.replace(/\.json$/, '.json.done.json')) &&
      !tombstones.includes(file.replace(/\.json$/, '.done.json')),
  );
  expect(open, where).toEqual([]);
  await oldUntouched(lane, where);
  const managed = files.filter((file) => file.startsWith('shop/orders/') && !isSmallPart(file));
  const stems = new Set(managed.map((file) => file.split('/').at(-1)!.split('.')[0]!));
  const committed = new Set(managed.flatMap((file) => /([^/]+)\.manifest\.json$/.exec(file)?.slice(1) ?? []));
  expect(
    [...stems].filter((stem) => !committed.has(stem)),
    `${where}: files of no backup`,
  ).toEqual([]);
  await forgetUnproven(lane, where);
  const left = filesBelow(lane.disk).filter((file) => /^shop\/orders\/.*\.manifest\.json$/.test(file));
  // The 20 old ones, the first of today and the newest: everything else was to go.
  expect(left.length, where).toBeLessThanOrEqual(oldBackups + 2);
  return next.stdout;
}

async function oldUntouched(lane: Lane, where: string): Promise<void> {
  expect(await partialBackup(lane.disk), where).toBeNull();
  expect(await hashes(lane.disk, lane.oldFiles), where).toEqual(lane.oldHashes);
}

/** Hidden temporaries of small files that killed runs left. An hour later the next run sweeps them; returns how many. */
export async function sweepLater(lane: Lane): Promise<number> {
  const parts = filesBelow(lane.disk).filter(isSmallPart);
  const earlier = new Date(Date.now() - 2 * 3_600_000);
  for (const part of parts) await utimes(join(lane.disk, part), earlier, earlier);
  await nextRun(lane, 'two hours later');
  expect(filesBelow(lane.disk).filter(isSmallPart)).toEqual([]);
  return parts.length;
}
