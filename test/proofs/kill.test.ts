/**
 * kill -9 of the runner in each phase. `PROOF=full npx vitest run test/proofs/kill.test.ts`: 200 kills on an artifact of
 * 200 MB; without it 12 on a small one. Every kill is counted only if the run was in its phase when it died.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/runner.ts';
import {
  isIn,
  type Lane,
  makeLanes,
  nextRun,
  oldBackups,
  type Phase,
  phases,
  startUntil,
  sweepLater,
  whatIsLeft,
} from './lane.ts';
import { carriers, full, killIfThere, printTable, proofTimeout, waitFor } from './support.ts';

const killsOf = (phase: Phase) => (full ? (phase === 'capture' || phase === 'verify' ? 34 : 33) : 2);
const bigSize = full ? 200_000_000 : 12_000_000;
const home = temporaryDirectory('runner-kill-');
let lanes: Lane[] = [];

beforeAll(async () => {
  lanes = await makeLanes(home.path, ['left', 'right'], bigSize);
}, proofTimeout);
afterAll(() => home.remove());

type Count = {
  phase: string;
  kills: number;
  'not in phase': number;
  points: Map<string, number>;
  'finished later': number;
  removed: number;
  'last carrier (s)': number;
};

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
    const swept = await Promise.all(lanes.map(sweepLater));
    const rows = [...counts.values()];
    printTable(
      `kill -9: artifact of ${bigSize / 1e6} MB, ${oldBackups} old backups compared byte for byte after every kill and every next run; ${swept[0]! + swept[1]!} hidden temporaries swept an hour later`,
      rows.map(({ points: hit, ...row }) => ({
        ...row,
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
  const stopped = await startUntil(lane, phase, turn);
  const { running, point } = stopped;
  // Where its phase went by unseen on a busy machine, the run is over: no hit.
  killIfThere(running.pid, 'SIGKILL');
  const killed = performance.now();
  const end = await running.ended;
  const run = running.run();
  expect(run, `${phase}: ${end.stderr}`).not.toBeNull();
  await waitFor(() => carriers(run!).length === 0, 30_000, 20);
  expect(carriers(run!), `${phase} at ${point}: processes that carry the run's id 30 s after the kill`).toEqual([]);
  const seconds = (performance.now() - killed) / 1000;
  const hit = stopped.reached && end.signal === 'SIGKILL' && isIn(lane, phase, stopped);
  await whatIsLeft(lane, `${phase} at ${point}`);
  const settled = await nextRun(lane, `${phase} at ${point}`);
  if (!hit) return false;
  count.kills += 1;
  count.points.set(point, (count.points.get(point) ?? 0) + 1);
  count['last carrier (s)'] = Math.max(count['last carrier (s)'], Math.round(seconds * 100) / 100);
  if (settled.includes('finished the interrupted commit')) count['finished later'] += 1;
  if (settled.includes('removed what was left')) count.removed += 1;
  return true;
}
