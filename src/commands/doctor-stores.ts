/** What `doctor` finds out at stores that can be asked: rights, settings, and what contradicts the plan. */
import type { Demands, Destination } from '../destination.ts';
import { longestGap, parseCron } from '../plan/cron.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { longestReach } from '../retention/reach.ts';
import { seconds } from '../units.ts';
import { type Examined, examine } from './examination.ts';
import type { Shelves } from './shelves.ts';

/** One line a finding. Also of a store whose listing failed: what its credentials lack is the likeliest reason. */
export async function examineStores(plan: ResolvedPlan, { places, failures }: Shelves): Promise<Examined[]> {
  const opened = [
    ...places.map(({ destination }) => destination),
    ...failures.flatMap(({ opened: destination }) => (destination ? [destination] : [])),
  ];
  const found = await Promise.all(opened.map((destination) => examineStore(plan, destination)));
  return found.flat();
}

async function examineStore(plan: ResolvedPlan, destination: Destination): Promise<Examined[]> {
  if (!destination.examine) return [];
  let rows: Examined[] = [];
  const whole = await examine('rights', destination.name, async () => {
    const found = await destination.examine!(demandsOn(plan, destination.name));
    rows = found.map((one) => ({ ...one, subject: destination.name }));
    return '';
  });
  return whole.health === 'ok' ? rows : [whole];
}

/** What the backups that go to a destination want of it. */
export function demandsOn(plan: ResolvedPlan, destination: string): Demands {
  const here = plan.backups.filter(({ destinations }) => destinations.some(({ name }) => name === destination));
  const reaches = here.map((backup) =>
    longestReach(backup.retention[destination] ?? null, backup.tags, gapOf(backup, plan.timezone)),
  );
  const promised = here.flatMap(({ objectives }) => (objectives.rto ? [seconds(objectives.rto)] : []));
  return {
    folder: `${plan.name}/`,
    keeps: reaches.includes(null) ? null : Math.max(0, ...(reaches as number[])),
    rto: promised.length === 0 ? null : Math.min(...promised),
  };
}

/** Seconds between two backups; 0 where the plan does not say. */
function gapOf({ schedule }: ResolvedBackup, timezone: string): number {
  const cron = schedule === undefined ? null : parseCron(schedule);
  return (cron && longestGap(cron, timezone)?.usual) ?? 0;
}
