/**
 * SIGINT and SIGTERM in every phase. `PROOF=full npx vitest run test/proofs/signals.test.ts`: each signal ten times a phase on
 * 200 MB; without it one signal a phase on a small one. What was begun is undone before the program ends; what was committed stays whole.
 */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/runner.ts';
import { type Lane, makeLanes, nextRun, type Phase, phases, startUntil, whatIsLeft } from './lane.ts';
import { carriers, filesBelow, full, isSentence, printTable, proofTimeout } from './support.ts';

const turns = full ? 10 : 1;
const home = temporaryDirectory('runner-signals-');
const both = ['SIGINT', 'SIGTERM'] as const;
const codes = { SIGINT: 130, SIGTERM: 143 } as const;
type Count = {
  phase: string;
  signals: number;
  'exit 130': number;
  'exit 143': number;
  'exit 0': number;
  undone: number;
  'committed whole': number;
  'longest (s)': number;
};

let lane: Lane;
const counts: Count[] = [];
beforeAll(async () => {
  [lane] = (await makeLanes(home.path, ['lane'], full ? 200_000_000 : 12_000_000)) as [Lane];
}, proofTimeout);
afterAll(() => {
  printTable('SIGINT and SIGTERM', counts);
  home.remove();
});

it.each(phases)(
  'in %s: nothing half done is left, and the exit code says that it was interrupted',
  async (phase) => {
    const count: Count = {
      phase,
      signals: 0,
      'exit 130': 0,
      'exit 143': 0,
      'exit 0': 0,
      undone: 0,
      'committed whole': 0,
      'longest (s)': 0,
    };
    counts.push(count);
    for (let turn = 0; turn < turns; turn += 1) {
      for (const signal of full ? both : [both[phases.indexOf(phase) % 2]!])
        await interrupt(phase, signal, turn * 2 + (signal === 'SIGINT' ? 0 : 1), count);
    }
  },
  proofTimeout,
);

async function interrupt(phase: Phase, signal: keyof typeof codes, turn: number, count: Count): Promise<void> {
  // Long enough that the signal comes while the step is under way, and it goes on by itself.
  let stopped = await startUntil(lane, phase, turn, 2000);
  // On a busy machine a phase may go by unseen.
  for (let tries = 0; !stopped.reached && tries < 12; tries += 1) {
    await stopped.running.ended;
    stopped = await startUntil(lane, phase, turn, 2000);
  }
  const { running, point, reached } = stopped;
  const where = `${signal} in ${phase} at ${point}`;
  expect(reached, where).toBe(true);
  process.kill(running.pid, signal);
  const sent = performance.now();
  const end = await running.ended;
  const seconds = Math.round((performance.now() - sent) / 10) / 100;
  expect(end.signal, where).toBeNull();
  // What was complete before the signal could stop it is a success.
  expect([codes[signal], 0], `${where}: ${end.stderr}`).toContain(end.exitCode);
  expect(isSentence(end.stderr), end.stderr).toBe(true);
  expect(carriers(running.run()!), `${where}: processes that carry the run's id`).toEqual([]);
  expect(readdirSync(lane.tmp), `${where}: private directories`).toEqual([]);
  const files = filesBelow(lane.disk);
  expect(
    files.filter((file) => file.includes('.part-') || file.includes('/.runner/journal/')),
    where,
  ).toEqual([]);
  const committed = end.stdout.includes('"event":"committed"');
  const id = /"event":"committed".*?"id":"([^"]+)"/.exec(end.stdout)?.[1];
  if (committed)
    expect(
      files.some((file) => file.endsWith(`/${id}.manifest.json`)),
      where,
    ).toBe(true);
  await whatIsLeft(lane, where);
  await nextRun(lane, where);
  count.signals += 1;
  count[`exit ${end.exitCode}` as 'exit 0'] += 1;
  if (!committed) count.undone += 1;
  else count['committed whole'] += 1;
  count['longest (s)'] = Math.max(count['longest (s)'], seconds);
}
