/** What `doctor` looks at where the backups lie: reach, room, lock, clock, and whether the newest one opens. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { newNonce } from '../catalog/identity.ts';
import type { Stage } from '../command.ts';
import { openingChain } from '../compile/chain.ts';
import type { RunFacts } from '../compile/facts.ts';
import type { Destination } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { prepareLaunch } from '../execute/launch.ts';
import { faultOf, startPipeline } from '../execute/pipeline.ts';
import { longestGap, parseCron } from '../plan/cron.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findDestination } from '../registry.ts';
import { age, count } from '../report/human.ts';
import { formatDuration, formatSize } from '../units.ts';
import type { Host } from './command.ts';
import { type Examined, examine } from './examination.ts';
import { newestOf, type ReadCopy } from './find.ts';
import { type Bench, proveCopy, withBench } from './inside.ts';
import { leaseText } from './lease-text.ts';
import { type Row, rowsOf } from './rows.ts';
import type { Shelves } from './shelves.ts';

/** Seconds between two clocks that are still the same time. */
const clockTolerance = 300;

export async function examinePlaces(plan: ResolvedPlan, shelves: Shelves): Promise<Examined[]> {
  const failed = shelves.failures.map(({ destination, message }): Examined => {
    return { check: 'destination', subject: destination, health: 'problem', message };
  });
  const found = shelves.places.map(async ({ name, destination, shelf }) => [
    await examine('destination', name, async () => {
      const { type, spec } = plan.destinations[name]!;
      return `${findDestination(type).describe(spec)}, ${count(shelf.entries.length, 'backup')}`;
    }),
    // Who can tell of every right by itself is asked for them.
    ...(destination.examine ? [] : [await examine('writable', name, () => tryWriting(plan, destination))]),
    await examine('free space', name, () => room(plan, destination)),
    await examine('lock', name, () => leaseText(destination, plan.name)),
    await examine('clock', name, () => clock(destination)),
  ]);
  return [...(await Promise.all(found)).flat(), ...failed];
}

async function tryWriting(plan: ResolvedPlan, destination: Destination): Promise<string> {
  const key = `${plan.name}/.runner/probe-${newNonce()}`;
  await destination.write(key, Buffer.from('probe\n'));
  await destination.remove(key);
  return 'yes';
}

async function room(plan: ResolvedPlan, destination: Destination): Promise<string> {
  const free = await destination.free();
  if (free === null) return 'the store does not say';
  const wanted = plan.destinations[destination.name]?.minFree;
  if (wanted === undefined || free >= wanted) return formatSize(free);
  throw new RunnerError(`${formatSize(free)}, and the plan wants ${formatSize(wanted)}`);
}

async function clock(destination: Destination): Promise<Awaited<ReturnType<Parameters<typeof examine>[2]>>> {
  const apart = Math.abs((await destination.clock()).getTime() - Date.now()) / 1000;
  if (apart <= clockTolerance) return 'agrees';
  return {
    health: 'warning',
    message: `${formatDuration(apart)} apart from this machine's: backups go on, nothing is pruned`,
  };
}

/** The newest committed backup of each entry, opened with the keys at hand as far as its first bytes. */
export async function examineNewest(
  plan: ResolvedPlan,
  facts: RunFacts,
  shelves: Shelves,
  host: Host,
): Promise<Examined[]> {
  const rows = await rowsOf(plan, shelves);
  const results: Examined[] = [];
  for (const backup of plan.backups) {
    const examined = await examine('newest', backup.name, async () => {
      const warn = (message: string) => host.terminal.say(`warning: ${message}\n`);
      const newest = await newestOf(rows, backup.name, shelves.places, warn);
      if (!newest) {
        const where = shelves.failures.length > 0 ? ' at the destinations that could be read' : '';
        return { health: 'warning', message: `none was ever committed${where}` };
      }
      const { row, copies } = newest;
      if (!copies[0]) throw new RunnerError(`no manifest of ${row.id} can be read`);
      await openFirstBytes(plan, backup, facts, copies[0], shelves, host);
      const late = tooOld(backup, rows, plan.timezone);
      return {
        health: row.state === 'good' && late === null ? 'ok' : 'warning',
        message: [summary(row.id, row.state, row.time), ...(late === null ? [] : [late])].join('; '),
      };
    });
    results.push(examined);
  }
  return results;
}

/** What `expect: { max-age }` finds wrong with the newest good backup. */
function tooOld(backup: ResolvedBackup, rows: Row[], timezone: string): string | null {
  const allowed = allowedAge(backup, timezone);
  if (allowed === null) return null;
  const good = rows.findLast((row) => row.backup === backup.name && row.state === 'good');
  if (good && Date.now() - good.time.getTime() <= allowed * 1000) return null;
  return good
    ? `the newest good one is older than the plan allows (${formatDuration(allowed)})`
    : 'there is no good one';
}

/** An hour for a run to be late or long in, where the plan states a schedule but no age. */
const patience = 3600;

/** Seconds; null where the plan says neither how old a backup may be nor when one is made. */
function allowedAge({ expect, schedule }: ResolvedBackup, timezone: string): number | null {
  if (expect.maxAge !== undefined) return expect.maxAge;
  const cron = schedule === undefined ? null : parseCron(schedule);
  const gap = cron && longestGap(cron, timezone);
  return gap ? gap.worst() + patience : null;
}

function summary(id: string, state: string, time: Date): string {
  return `${id} opens; ${state}, ${age(time, new Date())} old`;
}

async function openFirstBytes(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  facts: RunFacts,
  copy: ReadCopy,
  { readSecret }: Shelves,
  host: Host,
): Promise<void> {
  const { manifest, place } = copy;
  const artifact = manifest.artifacts[0];
  if (!artifact) throw new RunnerError(`${manifest.id} names no artifact`);
  await proveCopy({ plan, backup, copy, readSecret });
  const { stages } = openingChain(plan, backup, artifact.stages, facts);
  const source = await place.destination.get(artifact.key);
  if (stages.length === 0) {
    await once(source, 'readable');
    source.destroy();
    return;
  }
  await withBench({ host, readSecret }, stages, (bench) => firstBytes(stages, source, bench, manifest.id));
}

async function firstBytes(stages: Stage[], source: Readable, bench: Bench, id: string): Promise<void> {
  const { guard, lookup, launchHost, signal } = bench;
  const launches = await Promise.all(stages.map(({ command }) => prepareLaunch(command, lookup, launchHost)));
  const pipeline = startPipeline(launches, { input: 'pipe', output: 'pipe', guard, signal });
  pipeline.input!.on('error', () => source.destroy());
  source.on('error', (error) => pipeline.kill(error));
  source.pipe(pipeline.input!);
  let seen = false;
  for await (const chunk of pipeline.output!) {
    seen = (chunk as Buffer).length > 0;
    if (seen) break;
  }
  if (seen) pipeline.kill(new RunnerError('enough was seen'));
  source.destroy();
  const ended = await pipeline.ended;
  if (!seen) throw faultOf(ended) ?? new RunnerError(`${id} opens to nothing`);
}
