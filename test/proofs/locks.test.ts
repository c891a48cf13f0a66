/**
 * The lease: a holder that is killed, suspended or resumed, and starts that race. `PROOF=full npx vitest run
 * test/proofs/locks.test.ts`: 50 starts at once and a lease that expires under a suspended holder (some minutes); without it 12.
 */
import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import {
  filesBelow,
  full,
  isSentence,
  launch,
  partialBackup,
  printTable,
  proofTimeout,
  type Running,
  waitFor,
} from './support.ts';

const racers = full ? 50 : 12;
const home = temporaryDirectory('runner-locks-');
const rows: Record<string, string | number>[] = [];
afterAll(() => {
  printTable('leases', rows);
  home.remove();
});

let root: string;
let plan: string;
let disk: string;
let turn = 0;
beforeEach(async () => {
  turn += 1;
  root = join(home.path, String(turn));
  await mkdir(join(root, 'tmp'), { recursive: true });
  plan = join(root, 'plan.yaml');
  disk = join(root, 'disk');
  // It gives its bytes once it is told to go on.
  const script = 'while [ ! -e go ]; do sleep 0.05; done; seq 1 20000';
  await writeFile(
    plan,
    `version: 1\nname: shop\ntimezone: UTC\ndestinations: { disk: { type: local, path: disk } }\nbackups:\n  orders:\n    source: { type: command, run: [sh, -c, '${script}'] }\n    destinations: [disk]\n`,
  );
});

const go = () => writeFile(join(root, 'go'), '');
const start = (...flags: string[]) =>
  launch(['apply', '--json', ...flags, plan], { env: { TMPDIR: join(root, 'tmp') } });
const manifests = () => filesBelow(disk).filter((file) => file.endsWith('.manifest.json'));
const capturing = async (running: Running) => {
  expect(await running.until('"event":"task-started","task":"capture'), running.said.stderr).not.toBeNull();
  expect(await waitFor(() => filesBelow(disk).some((file) => file.includes('/journal/')), 20_000)).toBe(true);
};

/** Hidden temporaries of small files are swept an hour later: kill.test.ts. */
const isLeft = (file: string) =>
  (file.includes('.part-') && !file.includes('.part-small-')) || (file.includes('/journal/') && file.endsWith('.json'));

async function settled(copies: number): Promise<void> {
  expect(manifests()).toHaveLength(copies);
  expect(await partialBackup(disk)).toBeNull();
  expect(filesBelow(disk).filter(isLeft)).toEqual([]);
  // A killed run's directory goes with its guard, which takes some seconds.
  await waitFor(() => readdirSync(join(root, 'tmp')).length === 0, 10_000);
  expect(readdirSync(join(root, 'tmp'))).toEqual([]);
}

it(
  `of ${racers} starts at once one holds the lease, and the others are told who does`,
  async () => {
    const all = await Promise.all(Array.from({ length: racers }, () => start()));
    let over = 0;
    for (const { ended } of all) void ended.then(() => (over += 1));
    expect(await waitFor(() => over >= racers - 1, 120_000, 50), `${over} of ${racers} have ended`).toBe(true);
    // The one that is left waits for its source, so nobody else can have had the lease meanwhile.
    await sleep(300);
    expect(over).toBe(racers - 1);
    await go();
    const ends = await Promise.all(all.map(({ ended }) => ended));
    const held = ends.filter(({ exitCode }) => exitCode === 5);
    expect(ends.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect(held).toHaveLength(racers - 1);
    for (const { stdout, stderr } of held) {
      expect(stdout).toMatch(/held by run \S+ on \S+ \(process \d+\) since 20\d\d-/);
      expect(isSentence(stderr)).toBe(true);
    }
    await settled(1);
    rows.push({ case: 'racing starts', runs: racers, 'exit 0': 1, 'exit 5': held.length, backups: manifests().length });
  },
  proofTimeout,
);

it(
  'those that wait get it one after the other',
  async () => {
    await go();
    const waiting = full ? 20 : 5;
    const all = await Promise.all(Array.from({ length: waiting }, () => start('--lock-timeout', '10m')));
    const ends = await Promise.all(all.map(({ ended }) => ended));
    expect(ends.map(({ exitCode }) => exitCode)).toEqual(ends.map(() => 0));
    await settled(waiting);
    rows.push({ case: 'waiting starts', runs: waiting, 'exit 0': waiting, 'exit 5': 0, backups: manifests().length });
  },
  proofTimeout,
);

it(
  'a killed holder is taken over at once',
  async () => {
    const holder = await start();
    await capturing(holder);
    process.kill(holder.pid, 'SIGKILL');
    await holder.ended;
    await go();
    const next = await (await start()).ended;
    expect([next.exitCode, next.stderr]).toEqual([0, '']);
    await settled(1);
    rows.push({ case: 'killed holder', runs: 2, 'exit 0': 1, 'exit 5': 0, backups: manifests().length });
  },
  proofTimeout,
);

it(
  'a holder that slept while its lease was broken commits nothing when it wakes up',
  async () => {
    const holder = await start();
    await capturing(holder);
    process.kill(holder.pid, 'SIGSTOP');
    try {
      const other = await (await start()).ended;
      expect(other.exitCode, 'it is alive, so nobody takes its lease away').toBe(5);
      const told = await runner(['apply', plan], { env: { TMPDIR: join(root, 'tmp') } });
      expect([told.exitCode, told.stderr]).toEqual([
        5,
        expect.stringMatching(/held by run \S+ on \S+ \(process \d+\) since 20\d\d-/),
      ]);
      const broken = await runner(['unlock', '--yes', plan]);
      expect(broken.exitCode, broken.stderr).toBe(0);
      await go();
      const next = await (await start()).ended;
      expect([next.exitCode, next.stderr]).toEqual([0, '']);
    } finally {
      process.kill(holder.pid, 'SIGCONT');
    }
    await fenced(holder, 'suspended, lease broken');
  },
  proofTimeout,
);

it.runIf(full)(
  'a lease that beats no more expires, and its holder is fenced',
  async () => {
    const holder = await start();
    await capturing(holder);
    process.kill(holder.pid, 'SIGSTOP');
    try {
      await go();
      const next = await (await start('--lock-timeout', '6m')).ended;
      expect([next.exitCode, next.stderr]).toEqual([0, '']);
    } finally {
      process.kill(holder.pid, 'SIGCONT');
    }
    await fenced(holder, 'suspended, lease expired');
  },
  proofTimeout,
);

/** The resumed holder fails and leaves nothing; what the other run made stands. */
async function fenced(holder: Running, name: string): Promise<void> {
  const made = manifests();
  const end = await holder.ended;
  expect(end.stdout).not.toContain('"event":"committed"');
  // Whoever lost the lease on the way has made no backup: 2, or 5 where nothing had been tried yet.
  expect([2, 5], end.stderr).toContain(end.exitCode);
  expect(end.stdout + end.stderr).toMatch(/taken over/);
  expect(isSentence(end.stderr)).toBe(true);
  expect(manifests()).toEqual(made);
  await settled(1);
  rows.push({ case: name, runs: 2, 'exit 0': 1, 'exit 5': Number(end.exitCode === 5), backups: made.length });
}
