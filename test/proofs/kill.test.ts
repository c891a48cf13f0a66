/**
 * kill -9 of the runner in each phase. `PROOF=full npx vitest run test/proofs/kill.test.ts`: 200 kills on an artifact of
 * 200 MB; without it 12 on a small one. Every kill is counted only if the run was in its phase when it died.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { random } from '../unit/retention/histories.ts';
import { idAt, layAgain, modelOf } from './shelf.ts';
import {
  carriers,
  filesBelow,
  full,
  hashes,
  isOnPath,
  launch,
  partialBackup,
  printTable,
  proofTimeout,
  type Running,
  waitFor,
} from './support.ts';

const phases = ['capture', 'fsync', 'publish', 'manifest', 'verify', 'prune'] as const;
type Phase = (typeof phases)[number];
const killsOf = (phase: Phase) => (full ? (phase === 'capture' || phase === 'verify' ? 34 : 33) : 2);

/** Where a phase is stopped, when the kill does not simply come at a random moment of it. */
const points: Partial<Record<Phase, string[]>> = {
  fsync: ['fsync'],
  publish: ['linked-sealed', 'link-artifact', 'linked-artifact', 'unlinked-artifact'],
  manifest: ['link-manifest', 'linked-manifest', 'unlinked-manifest', 'link-mark', 'linked-mark'],
};

const bigSize = full ? 200_000_000 : 12_000_000;
const oldBackups = 20;
const expendable = 6;
const seed = random(20_261_121);
const home = temporaryDirectory('runner-kill-');
const big = join(home.path, 'big.bin');
const small = join(home.path, 'small.bin');
const old = join(home.path, 'old.bin');

type Lane = {
  root: string;
  disk: string;
  tmp: string;
  plan: string;
  oldFiles: string[];
  oldHashes: Map<string, string>;
  model: string;
};
type Count = {
  phase: string;
  kills: number;
  'not in phase': number;
  points: Map<string, number>;
  'finished later': number;
  removed: number;
  'last carrier (s)': number;
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

let lanes: Lane[] = [];

beforeAll(async () => {
  await writeFile(big, randomBytes(bigSize));
  await writeFile(small, randomBytes(300_000));
  await writeFile(old, randomBytes(full ? 2_000_000 : 200_000));
  lanes = await Promise.all([0, 1].map((index) => makeLane(join(home.path, `lane-${index}`))));
}, proofTimeout);
afterAll(() => home.remove());

const environment = (lane: Lane, data: string) => ({ TMPDIR: lane.tmp, DATA: data });

async function makeLane(root: string): Promise<Lane> {
  const lane: Lane = {
    root,
    disk: join(root, 'disk'),
    tmp: join(root, 'tmp'),
    plan: join(root, 'plan.yaml'),
    oldFiles: [],
    oldHashes: new Map(),
    model: '',
  };
  await mkdir(lane.tmp, { recursive: true });
  await writeFile(lane.plan, plan);
  const first = await runner(['apply', '--json', lane.plan], { env: environment(lane, old) });
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
async function layExpendable(lane: Lane, turn: number): Promise<void> {
  const model = await modelOf(lane.disk, 'shop', lane.model);
  for (let index = 0; index < expendable; index += 1) {
    const time = new Date(daysAgo(1 + index).getTime() + 3_600_000 + turn * 1000);
    await layAgain(model, idAt('orders', time, 1000 + turn * 10 + index), { linked: true });
  }
}

it(
  'kill -9 in every phase leaves the old untouched, nothing half visible, and a next run that succeeds',
  async () => {
    const jobs = phases.flatMap((phase) => Array.from({ length: killsOf(phase) }, (_, turn) => ({ phase, turn })));
    const counts = new Map<Phase, Count>(
      phases.map((phase) => [
        phase,
        {
          phase,
          kills: 0,
          'not in phase': 0,
          points: new Map(),
          'finished later': 0,
          removed: 0,
          'last carrier (s)': 0,
        },
      ]),
    );
    await Promise.all(
      lanes.map(async (lane) => {
        for (let job = jobs.shift(); job; job = jobs.shift())
          await killUntilHit(lane, job.phase, job.turn, counts.get(job.phase)!);
      }),
    );
    const rows = [...counts.values()];
    printTable(
      `kill -9: artifact of ${bigSize / 1e6} MB, ${oldBackups} old backups compared byte for byte after every kill`,
      rows.map(({ points: hit, ...row }) => ({
        ...row,
        'old files changed': 0,
        'killed at': [...hit].map(([name, count]) => `${name} ${count}`).join(', '),
      })),
    );
    for (const { phase, kills } of rows) expect(kills, phase).toBe(killsOf(phase as Phase));
  },
  proofTimeout,
);

async function killUntilHit(lane: Lane, phase: Phase, turn: number, count: Count): Promise<void> {
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const hit = await killOnce(lane, phase, turn + attempt, count);
    if (hit) return;
    count['not in phase'] += 1;
  }
  throw new Error(`no kill hit ${phase} in 12 tries`);
}

/** One run that is killed, what it left, and the run after it. False when it was not in its phase any more. */
async function killOnce(lane: Lane, phase: Phase, turn: number, count: Count): Promise<boolean> {
  await layExpendable(lane, phases.indexOf(phase) * 500 + turn);
  const log = join(lane.root, 'stall.log');
  await rm(log, { force: true });
  const choices = points[phase] ?? (phase === 'prune' ? prunePoints : []);
  const point = choices[turn % choices.length];
  const stalled =
    point === undefined
      ? {}
      : { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'stall.mjs')}`, STALL_AT: point, STALL_LOG: log };
  const words =
    phase === 'prune' && turn % 2 === 1 ? ['prune', '--yes', '--json', lane.plan] : ['apply', '--json', lane.plan];
  const data = phase === 'prune' ? small : big;
  const running = await launch(words, { env: { ...environment(lane, data), ...stalled } });
  const reached = await reachPhase(lane, phase, running, point === undefined ? null : log);
  process.kill(running.pid, 'SIGKILL');
  const killed = performance.now();
  const end = await running.ended;
  const run = running.run();
  expect(run, `${phase}: ${end.stderr}`).not.toBeNull();
  await waitFor(() => carriers(run!).length === 0, 5000, 20);
  expect(carriers(run!), `${phase} at ${point}: processes that carry the run's id 5 s after the kill`).toEqual([]);
  const seconds = (performance.now() - killed) / 1000;
  const hit = reached && end.signal === 'SIGKILL' && isIn(lane, phase, running, log);
  await whatIsLeft(lane, `${phase} at ${point}`);
  const settled = await nextRun(lane, `${phase} at ${point}`);
  if (!hit) return false;
  count.kills += 1;
  const name = point ?? 'random moment';
  count.points.set(name, (count.points.get(name) ?? 0) + 1);
  count['last carrier (s)'] = Math.max(count['last carrier (s)'], Math.round(seconds * 100) / 100);
  if (settled.includes('finished the interrupted commit')) count['finished later'] += 1;
  if (settled.includes('removed what was left')) count.removed += 1;
  return true;
}

/** Four files for each expendable one; the tombstone before them and the word that it is done behind them. */
const prunePoints = [
  'linked-tombstone',
  ...[1, 2, 3, 4, 5, 9, 14, 17].map((number) => `removal-${number}`),
  'link-done',
];

async function reachPhase(lane: Lane, phase: Phase, running: Running, log: string | null): Promise<boolean> {
  const isOver = running.ended.then(() => false);
  if (log !== null) {
    const reached = await Promise.race([waitFor(() => existsSync(log), 60_000, 1), isOver]);
    if (phase === 'fsync') await sleep(seed.below(full ? 40 : 3));
    return reached;
  }
  if (phase === 'capture') {
    const share = 0.02 + seed.next() * 0.9;
    return await Promise.race([waitFor(() => partSize(lane) > bigSize * share, 60_000, 1), isOver]);
  }
  const started = await running.until('"event":"task-started","task":"verify:');
  await sleep(seed.below(full ? 150 : 8));
  return started !== null;
}

/** What the dead run left must agree with the phase that it is counted in. */
function isIn(lane: Lane, phase: Phase, running: Running, log: string): boolean {
  const { stdout } = running.said;
  if (phase === 'capture') return partSize(lane) < bigSize && partSize(lane) > 0;
  if (phase === 'fsync') return readFileSync(log, 'utf8') === 'fsync\n' && partSize(lane) >= bigSize;
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

function isSmallPart(file: string): boolean {
  return file.includes('/.part-small-');
}

/** Right after the kill: old ones as they were, no partial backup to be seen, no private directory. */
async function whatIsLeft(lane: Lane, where: string): Promise<void> {
  expect(
    await waitFor(() => readdirSync(lane.tmp).length === 0, 2000),
    `${where}: private directories: ${readdirSync(lane.tmp)}`,
  ).toBe(true);
  expect(await partialBackup(lane.disk), where).toBeNull();
  expect(await hashes(lane.disk, lane.oldFiles), where).toEqual(lane.oldHashes);
  const list = await runner(['list', '--json', lane.plan], { env: environment(lane, small) });
  expect([list.exitCode, list.stderr], where).toEqual([0, '']);
  const listed = new Set<string>([...list.stdout.matchAll(/"id": ?"(orders-[^"]+)"/g)].map((match) => match[1]!));
  expect(listed.size, where).toBeGreaterThanOrEqual(oldBackups);
  const whole = new Set(filesBelow(lane.disk).flatMap((file) => /([^/]+)\.manifest\.json$/.exec(file)?.slice(1) ?? []));
  for (const id of listed) expect(whole, `${where}: ${id} is listed`).toContain(id);
}

/** Committed by a run that died before it could prove it: kept for days as not good. Here it would only fill the disk. */
async function forgetUnproven(lane: Lane, where: string): Promise<void> {
  const list = await runner(['list', '--json', lane.plan], { env: environment(lane, small) });
  const { backups } = JSON.parse(list.stdout) as { backups: { id: string; state: string }[] };
  for (const { id, state } of backups) {
    if (state === 'good') continue;
    expect(state, `${where}: ${id}`).toBe('unproven');
    const words = ['forget', '--yes', '--reason', 'its run was killed before it was verified', lane.plan, id];
    const forgotten = await runner(words, { env: environment(lane, small) });
    expect([forgotten.exitCode, forgotten.stderr], where).toEqual([0, '']);
  }
}

/** The next run succeeds and puts everything in order; returns what it says it settled. */
async function nextRun(lane: Lane, where: string): Promise<string> {
  const next = await runner(['apply', '--json', lane.plan], { env: environment(lane, small) });
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
  expect(await partialBackup(lane.disk), where).toBeNull();
  expect(await hashes(lane.disk, lane.oldFiles), where).toEqual(lane.oldHashes);
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
