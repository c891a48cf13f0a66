/**
 * Backups of a database that is being written to. `PROOF=full npx vitest run test/proofs/live.test.ts`: 30 backups of 400 MB
 * with the sqlite3 program and 30 without it, under a writer that holds an invariant over two tables at 100 transactions a
 * second and more; without it 3 each of 20 MB.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { full, isOnPath, pathWithout, printTable, proofTimeout, waitFor } from './support.ts';

const backups = full ? 30 : 3;
const size = full ? 400_000_000 : 20_000_000;
/** Asked of the writer; what it achieves is measured. */
const rate = 130;
const promised = 100;

const home = temporaryDirectory('runner-live-');
const database = join(home.path, 'live.sqlite');
const plan = join(home.path, 'plan.yaml');
const writer = join(import.meta.dirname, 'writer.mjs');

type Figures = { transactions: number; errors: string[]; seconds: number; longestGap: number };

beforeAll(async () => {
  execFileSync(process.execPath, [writer, 'make', database, String(size)]);
  await writeFile(
    plan,
    'version: 1\nname: shop\ntimezone: UTC\ndestinations: { disk: { type: local, path: disk } }\nbackups:\n  live:\n    source: { type: sqlite, path: live.sqlite }\n    destinations: [disk]\n    retention: { last: 1 }\n',
  );
}, proofTimeout);
afterAll(() => home.remove());

function startWriter() {
  const status = join(home.path, 'status.json');
  rmSync(status, { force: true });
  const child = spawn(process.execPath, [writer, 'run', database, status, String(rate)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const figures = (): Figures | null => {
    try {
      return JSON.parse(readFileSync(status, 'utf8'));
    } catch {
      return null;
    }
  };
  const end = async (): Promise<Figures> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
    return figures()!;
  };
  return { figures, end };
}

/** What a copy says: the sum over both tables, and how many moves it has seen. */
function ask(file: string): { sum: number; moves: number; check: string } {
  const copy = new Database(file, { readonly: true });
  const value = (sql: string) => Object.values(copy.prepare(sql).get() as object)[0];
  const answer = {
    sum: Number(value('select (select sum(amount) from cash) + (select sum(amount) from debt)')),
    moves: Number(value('select count(*) from moves')),
    check: String(value('pragma quick_check')),
  };
  // Both tables must agree with the log as well: a copy of two moments could have a sum that fits by chance.
  expect(Number(value('select (select sum(amount) from debt) - (select coalesce(sum(amount), 0) from moves)'))).toBe(0);
  copy.close();
  return answer;
}

type Row = {
  way: string;
  backups: number;
  'invariant holds': number;
  'MB each': number;
  'median (s)': string;
  'longest (s)': string;
  transactions: number;
  'per second': string;
  'writer errors': number;
  'longest gap (ms)': number;
};
const rows: Row[] = [];
afterAll(() => rows.length > 0 && printTable('a live database: backups under a writer', rows));

async function proof(way: string, environment: Record<string, string>): Promise<void> {
  const { figures, end } = startWriter();
  expect(await waitFor(() => (figures()?.transactions ?? 0) > rate, 60_000, 50)).toBe(true);
  const seconds: number[] = [];
  let holds = 0;
  let last = 0;
  try {
    for (let turn = 0; turn < backups; turn += 1) {
      const before = figures()!.transactions;
      const began = performance.now();
      const applied = await runner(['apply', '--quiet', plan], { env: environment });
      seconds.push((performance.now() - began) / 1000);
      expect([applied.exitCode, applied.stderr], `${way}, backup ${turn + 1}`).toEqual([0, '']);
      const copy = join(home.path, 'restored.sqlite');
      const restored = await runner(['restore', plan, 'live', '--latest', '--to', copy, '--quiet'], {
        env: environment,
      });
      expect([restored.exitCode, restored.stderr], `${way}, backup ${turn + 1}`).toEqual([0, '']);
      const { sum, moves, check } = ask(copy);
      expect([sum, check], `${way}, backup ${turn + 1}`).toEqual([0, 'ok']);
      expect(moves, 'what was committed before it began is in it').toBeGreaterThan(Math.max(before - rate, last));
      last = moves;
      holds += 1;
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
    }
  } finally {
    const { transactions, errors, seconds: lasted, longestGap } = await end();
    const sorted = seconds.toSorted((left, right) => left - right);
    rows.push({
      way,
      backups: seconds.length,
      'invariant holds': holds,
      'MB each': Math.round(statSync(database).size / 1e6),
      'median (s)': (sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(1),
      'longest (s)': (sorted.at(-1) ?? 0).toFixed(1),
      transactions,
      'per second': (transactions / lasted).toFixed(1),
      'writer errors': errors.length,
      'longest gap (ms)': Math.round(longestGap),
    });
    expect(errors, way).toEqual([]);
    // A sample on a busy machine only tells its rate.
    if (full) expect(transactions / lasted, way).toBeGreaterThanOrEqual(promised);
  }
}

it.skipIf(!isOnPath('sqlite3'))(
  'with the sqlite3 program',
  async () => {
    await proof('sqlite3', {});
  },
  proofTimeout,
);

it(
  'without it',
  async () => {
    await proof('libsql', { PATH: await pathWithout(['sqlite3'], join(home.path, 'bin')) });
  },
  proofTimeout,
);
