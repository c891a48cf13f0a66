import { render } from '../../bind.ts';
import { timeOfStamp } from '../../catalog/identity.ts';
import { readFinding } from '../../catalog/records.ts';
import { readShelf } from '../../catalog/shelf.ts';
import type { Destination } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { formatDuration } from '../../units.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { verifyByHash } from './verify-hash.ts';
import { verifyByOpening } from './verify-open.ts';
import { type Sites, sitesOf, type VerifyAction } from './verify-sites.ts';

/** Proves one backup at one level. What is found wrong is written down beside it, and so is what was proven. */
export async function verify(action: VerifyAction, run: RunContext, context: PerformContext): Promise<Performed> {
  const id = render(action.id, context.lookup);
  if (id === '') return { message: 'nothing was backed up that could be verified' };
  const sites = await sitesOf(action, run);
  if (sites.up.length === 0)
    throw new RunnerError(`${id} could not be verified: ${sites.down.map(({ error }) => error.message).join('; ')}`);
  const notDue = await youngerPass(action, sites, run);
  if (notDue !== null) return { message: notDue };
  return action.level === 'checksum'
    ? await verifyByHash(action, id, sites, run, context)
    : await verifyByOpening(action, id, sites, run, context);
}

/**
 * Why a check with `every` is not due yet, by the records of any backup of this name; null when it is. The checksum of a commit
 * is none of what was read again, and a pass of the future was written by a clock that ran ahead.
 */
async function youngerPass(
  { every, backup, level }: VerifyAction,
  sites: Sites,
  run: RunContext,
): Promise<string | null> {
  if (every === undefined) return null;
  const now = Date.now();
  for (const destination of sites.up) {
    const { entries } = await readShelf(destination, run.plan.name, backup);
    for (const { id, records } of entries.toReversed()) {
      for (const { finding, result, stamp, key } of records.toReversed()) {
        const age = (now - timeOfStamp(stamp)!.getTime()) / 1000;
        if (finding !== level || result !== 'pass' || age >= every || age < -tolerance) continue;
        if (level === 'checksum' && (await isOfCommit(destination, key))) continue;
        return `not due: ${level} of ${id} passed ${formatDuration(Math.max(0, age))} ago`;
      }
    }
  }
  return null;
}

/** Seconds by which the clocks of two hosts may differ. */
const tolerance = 300;

/** A record that cannot be read proves nothing either. */
async function isOfCommit(destination: Destination, key: string): Promise<boolean> {
  const found = await readFinding(destination, key).catch(() => null);
  return found === null || found.details?.at === 'commit';
}
