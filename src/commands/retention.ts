import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { ExitCode, refuse } from '../diagnostic.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { count, table, wallClock } from '../report/human.ts';
import type { RetentionPolicy } from '../retention/policy.ts';
import { type ExplainedTime, explainTimes, type Simulation, simulate } from '../retention/simulate.ts';
import { formatSize, parseDuration } from '../units.ts';
import type { Host, Invocation } from './command.ts';
import { findBackup, fromDestination, openPlan } from './plan-file.ts';
import { type Costs, costsOf, costsText } from './simulated-costs.ts';

/** What is simulated for a backup that states no schedule. */
const usualSchedule = '0 2 * * *';

/** `runner retention`: a retention tried on paper, without any backup. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { simulate: length, times, from, json } = invocation.options;
  if ((length === undefined) === (times === undefined)) {
    throw refuse('retention needs one of --simulate DURATION and --times FILE');
  }
  const plan = await openPlan(invocation, host);
  const backup = findBackup(plan, invocation.words[0]!);
  const policy = policyOf(plan, backup, from);
  if (times !== undefined) {
    const rows = decided(policy, plan.timezone, times);
    host.terminal.data(json ? `${JSON.stringify(rows, null, 2)}\n` : timesText(rows));
    return ExitCode.success;
  }
  const duration = parseDuration(length!);
  if (duration === null) throw refuse(`"${length}" is no duration; 400d or 2y was expected`);
  if (policy === null) throw refuse(`"${backup.name}" has no retention: nothing is ever deleted`);
  const schedule = backup.schedule ?? usualSchedule;
  const start = new Date();
  const result = await simulate(policy, plan.timezone, schedule, duration, start);
  const about = { backup: backup.name, schedule, start: start.toISOString(), length: length! };
  const names = from === undefined ? backup.destinations.map(({ name }) => name) : [from];
  const costs = await costsOf(plan, backup, names, result, host);
  host.terminal.data(json ? simulationJson(result, about, costs) : simulationText(result, about, plan.timezone, costs));
  return ExitCode.success;
}

/** The retention of a backup at a destination; all of them where none is named, and then they must agree. */
function policyOf(plan: ResolvedPlan, backup: ResolvedBackup, from: string | undefined): RetentionPolicy | null {
  const names = backup.destinations.map(({ name }) => name);
  if (from !== undefined && !names.includes(fromDestination(plan, from)[0]!)) {
    throw refuse(`"${backup.name}" does not go to "${from}"; it goes to ${names.join(', ')}`);
  }
  const policies = (from === undefined ? names : [from]).map((name) => backup.retention[name] ?? null);
  if (policies.every((policy) => isDeepStrictEqual(policy, policies[0]))) return policies[0] ?? null;
  throw refuse(`"${backup.name}" has different retentions at ${names.join(', ')}: say which with --from`);
}

function decided(policy: RetentionPolicy | null, timezone: string, file: string): ExplainedTime[] {
  const lines = readTimes(file).split(/\r?\n/);
  if (policy !== null) return explainTimes(policy, timezone, lines, file === '-' ? 'standard input' : file);
  return lines
    .map((line) => line.trim())
    .filter(Boolean)
    .map((time) => ({ time, keep: true, reasons: ['no retention: nothing is ever deleted'] }));
}

function readTimes(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw refuse(`the times in ${file} cannot be read (${code ?? message})`);
  }
}

function timesText(rows: ExplainedTime[]): string {
  const cells = rows.map(({ time, keep, reasons }) => [time, keep ? 'keep' : 'delete', reasons.join('; ')]);
  const kept = rows.filter(({ keep }) => keep).length;
  const listed = cells.length === 0 ? '' : table([{ title: 'TIME' }, { title: '' }, { title: 'WHY' }], cells);
  return `${listed}keep ${kept}, delete ${rows.length - kept}\n`;
}

type About = { backup: string; schedule: string; start: string; length: string };

function simulationJson({ runs, rows, counts }: Simulation, about: About, costs: Costs): string {
  const shelf = rows.map(({ time, tiers, reasons }) => ({ time: time.toISOString(), tiers, reasons }));
  return `${JSON.stringify({ format: 'runner/simulation@1', ...about, runs, counts, ...costs, shelf }, null, 2)}\n`;
}

function simulationText({ runs, rows, counts }: Simulation, about: About, timezone: string, costs: Costs): string {
  const head = `${about.backup}: ${count(runs, 'backup')} in ${about.length} by "${about.schedule}" (${timezone}), ${rows.length} still there\n`;
  const { lastSize } = costs;
  const bytes = (number: number) => (lastSize === null ? [] : [formatSize(number * lastSize)]);
  const tally = Object.entries(counts).map(([tier, number]) => [tier, String(number), ...bytes(number)]);
  const shelf = rows.map(({ time, tiers, reasons }) => [
    wallClock(time, timezone),
    tiers.length === 0 ? 'recent' : tiers.join(' '),
    reasons.join('; '),
  ]);
  const size = lastSize === null ? [] : [{ title: 'SIZE', align: 'right' as const }];
  const tiers = table([{ title: 'TIER' }, { title: 'COUNT', align: 'right' }, ...size], tally);
  return `${head}${costsText(costs)}\n${tiers}\n${table([{ title: 'TIME' }, { title: 'TIERS' }, { title: 'WHY' }], shelf)}`;
}
