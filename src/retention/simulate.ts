/** Retention tried on paper: the shelf that a schedule leaves, and what becomes of given times. Reads no destination. */
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { zoneClock } from './calendar.ts';
import { decide } from './decide.ts';
import type { Duration, RetentionPolicy, Tier } from './policy.ts';
import { isKept, type Moment, momentsBy, standingOf, tiersOf } from './standing.ts';

/** A backup that still stands at the end. */
export type SimulatedRow = { time: Date; tiers: Tier[]; reasons: string[] };

export type Simulation = {
  /** How many backups the schedule made. */
  runs: number;
  /** The shelf as it stands after the last, the oldest first. */
  rows: SimulatedRow[];
  /** How many backups hold each tier of the policy, highest first; `recent`: those that hold none. */
  counts: Partial<Record<Tier | 'recent', number>>;
};

/** More are a mistake, or would take minutes. */
const mostRuns = 100_000;

/**
 * The shelf after running `schedule` (cron, in the zone) from `start` on for `length`, with every backup good and a prune
 * after each. Throws RunnerError when that is more than 100,000 runs.
 */
export async function simulate(
  policy: RetentionPolicy,
  timezone: string,
  schedule: string,
  length: Duration,
  start: Date,
): Promise<Simulation> {
  const clock = zoneClock(timezone);
  const times = await timesOf(schedule, timezone, start, clock.ahead(start.getTime(), length));
  const momentOf = momentsBy(policy, clock);
  let shelf: Moment[] = [];
  for (const time of times) {
    shelf.push(momentOf(time));
    const standing = standingOf(policy, clock, shelf);
    shelf = shelf.filter((_, index) => isKept(standing, shelf, index));
  }
  const items = shelf.map(({ time }) => ({ id: new Date(time).toISOString(), time: new Date(time), good: true }));
  const { keep, tiers } = decide(policy, timezone, items);
  const rows = keep.map(({ id, reasons }) => ({ time: new Date(id), tiers: tiers.get(id)!, reasons }));
  const counts: Simulation['counts'] = {};
  for (const tier of tiersOf(policy)) counts[tier] = rows.filter((row) => row.tiers.includes(tier)).length;
  counts.recent = rows.filter((row) => row.tiers.length === 0).length;
  return { runs: times.length, rows, counts };
}

/** Every time of the schedule in [start, end), in ms. */
async function timesOf(schedule: string, timezone: string, start: Date, end: number): Promise<number[]> {
  const { CronExpressionParser } = await import('cron-parser');
  // The parser looks strictly after its date.
  const before = new Date(start.getTime() - 1);
  const runs = CronExpressionParser.parse(schedule, { currentDate: before, tz: timezone });
  const times: number[] = [];
  for (let time = runs.next().getTime(); time < end; time = runs.next().getTime()) {
    if (times.length === mostRuns) {
      const message = `The schedule "${schedule}" runs more than ${mostRuns} times in that long; simulate a shorter time.`;
      throw new RunnerError(message, { exitCode: ExitCode.usage });
    }
    times.push(time);
  }
  return times;
}

/** What becomes of one given time; `time` as it was written. */
export type ExplainedTime = { time: string; keep: boolean; reasons: string[] };

/**
 * Decides over RFC 3339 times, all of them good backups; the answers stand in the order of the lines. Blank lines are
 * passed over. Throws RunnerError (exit 4) naming `source` and the line when one is no time.
 */
export function explainTimes(
  policy: RetentionPolicy,
  timezone: string,
  lines: readonly string[],
  source = 'times',
): ExplainedTime[] {
  const written = lines
    .map((line, index) => ({ text: line.trim(), line: index + 1 }))
    .filter(({ text }) => text !== '');
  const items = written.map(({ text, line }) => {
    const time = parseTime(text);
    if (time === null) {
      const message = `${source}:${line}: "${text.slice(0, 60)}" is no RFC 3339 time such as 2026-11-20T02:00:00Z.`;
      throw new RunnerError(message, { exitCode: ExitCode.usage });
    }
    // Equal times are ordered as their lines are.
    return { id: String(line).padStart(12, '0'), time, good: true };
  });
  const decision = decide(policy, timezone, items);
  const kept = new Map(decision.keep.map(({ id, reasons }) => [id, reasons]));
  const deleted = new Map(decision.delete.map(({ id, reasons }) => [id, reasons]));
  return items.map(({ id }, index) => {
    const reasons = kept.get(id);
    return { time: written[index]!.text, keep: reasons !== undefined, reasons: reasons ?? deleted.get(id)! };
  });
}

/** An RFC 3339 time; null for anything else, a 30 February and a leap second too. */
export function parseTime(text: string): Date | null {
  const shape = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
  const match = shape.exec(text);
  if (match === null) return null;
  const [, date, clock, fraction = '', offset] = match;
  const shown = new Date(`${date}T${clock}Z`);
  // Date takes 30 February for 2 March.
  if (Number.isNaN(shown.getTime()) || shown.toISOString().slice(0, 19) !== `${date}T${clock}`) return null;
  return new Date(`${date}T${clock}${fraction.slice(0, 4)}${offset!.toUpperCase()}`);
}
