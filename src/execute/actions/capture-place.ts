import { artifactOf, sizeOf as artifactsSize } from '../../catalog/artifacts.ts';
import type { Manifest } from '../../catalog/format.ts';
import { clockIsBehind, compareIds, newId, parseId } from '../../catalog/identity.ts';
import { judgeEntry } from '../../catalog/items.ts';
import { judge } from '../../catalog/judge.ts';
import { manifestKey } from '../../catalog/keys.ts';
import { artifactKey } from '../../catalog/layout.ts';
import { readManifest } from '../../catalog/manifest.ts';
import { partSuffix } from '../../catalog/part-name.ts';
import { readShelf, type ShelfEntry } from '../../catalog/shelf.ts';
import type { Destination } from '../../destination.ts';
import type { SinkPlan } from '../../graph.ts';
import { claim } from '../../retention/decide.ts';
import { keptUntil } from '../../retention/kept-until.ts';
import type { Tier } from '../../retention/policy.ts';
import type { PerformContext } from '../task-context.ts';
import type { Wanted } from './capture-copies.ts';
import { memberId, setPlan } from './capture-set.ts';
import type { CaptureAction, RunContext } from './context.ts';
import { asError } from './errors.ts';
import type { Measure } from './expectations.ts';

/** Who a new backup is, where it goes, and what stood before it. */
export type Place = {
  id: string;
  backup: string;
  /** Claimed tiers, highest first. */
  tiers: Tier[];
  /** One for each part, in their order. */
  artifactKeys: string[];
  manifestKey: string;
  wanted: Wanted[];
  /** Destinations that want it and cannot be used. */
  lost: { name: string; error: Error }[];
  previous: { id: string; sha256: string } | null;
  sequence: number;
  /** The last good ones, the newest first, 7 at most; read only where an expectation asks for them. */
  before: Measure[];
  expectedSize: number | undefined;
  /** Bytes that each part had in the backup before this one, in their order; null where that is not known. */
  partSizes: (number | null)[];
};

/** So many good backups say what is usual. */
const usual = 7;

type Reading = { sink: SinkPlan; destination: Destination; entries: ShelfEntry[] };
type Known = { id: string; time: Date; good: boolean; at: { destination: Destination; entry: ShelfEntry }[] };

/** Reads the shelves of all destinations by names, and fixes the identity and the tiers of the backup to come. */
export async function identify(
  action: CaptureAction,
  now: Date,
  run: RunContext,
  context: PerformContext,
): Promise<Place> {
  const sinks = action.branches.flatMap((branch) => branch.sinks);
  const { readings, lost } = await readAll(sinks, action.backup, run);
  const known = await merged(readings, action, now);
  const newest = known.at(-1)?.id ?? null;
  const set = await setPlan(action, run);
  const id = (set && memberId(action.backup, set, newest)) ?? newId(action.backup, now, newest);
  const time = parseId(id)!.time;
  if (newest !== null && clockIsBehind(newest, now)) {
    const message = `the newest backup of "${action.backup}" (${newest}) is later than this machine's clock says: ${id} follows it`;
    context.emit({ event: 'notice', level: 'warning', task: context.id, backup: action.backup, message });
  }
  const policies = sinks.flatMap(({ retention }) => (retention ? [retention] : []));
  const goodTimes = known.filter(({ good }) => good).map((one) => one.time);
  const isBackup = action.manifest.purpose === 'backup';
  const own = isBackup ? claim(policies, action.timezone, goodTimes, time) : [];
  const tiers = set?.tiers ?? own;
  const wants = (sink: SinkPlan) => !sink.tiers || sink.tiers.some((tier) => tiers.some((one) => one === tier));
  const plan = run.plan.name;
  const common = { plan, id, tier: tiers[0] ?? null, timezone: action.timezone };
  const { previous, sequence, manifest } = await lineage(known, run);
  return {
    id,
    backup: action.backup,
    tiers,
    artifactKeys: action.parts.map((part) =>
      artifactKey(action.layout, { ...common, part: partSuffix(part), extension: part.extension }),
    ),
    manifestKey: manifestKey(plan, id),
    wanted: readings
      .filter(({ sink }) => wants(sink))
      .map(({ sink, destination }) => ({
        name: sink.destination,
        destination,
        keptUntil: isBackup ? keptUntil(sink.retention, action.timezone, tiers, time) : null,
        ...(sink.dropAfter === undefined ? {} : { dropAfter: sink.dropAfter }),
      })),
    lost: lost.filter(({ sink }) => wants(sink)).map(({ sink, error }) => ({ name: sink.destination, error })),
    previous,
    sequence,
    before: await measures(action, known, run),
    expectedSize: sizeOf(known.findLast(({ good }) => good)),
    partSizes: action.parts.map((part) => (manifest && artifactOf(manifest, part)?.size) ?? null),
  };
}

async function readAll(sinks: SinkPlan[], backup: string, run: RunContext) {
  const readings: Reading[] = [];
  const lost: { sink: SinkPlan; error: Error }[] = [];
  for (const sink of sinks) {
    try {
      const destination = await run.places.open(sink.destination);
      const { entries } = await readShelf(destination, run.plan.name, backup);
      readings.push({ sink, destination, entries });
    } catch (error) {
      lost.push({ sink, error: asError(error) });
    }
  }
  return { readings, lost };
}

/** What all destinations together know, the oldest first; good where any copy is. */
async function merged(readings: Reading[], action: CaptureAction, now: Date): Promise<Known[]> {
  const known = new Map<string, Known>();
  for (const { destination, entries } of readings) {
    for (const entry of entries) {
      const one = known.get(entry.id) ?? { id: entry.id, time: entry.time, good: false, at: [] };
      one.good ||= await isGood(entry, destination, action, now);
      one.at.push({ destination, entry });
      known.set(entry.id, one);
    }
  }
  return [...known.values()].toSorted((left, right) => compareIds(left.id, right.id));
}

/** By its names; where they do not suffice, as a prune would judge it: what was good by the plan of its day still is. */
async function isGood(entry: ShelfEntry, destination: Destination, action: CaptureAction, now: Date): Promise<boolean> {
  const { required } = action.manifest;
  const named = judge(entry, required);
  if (named.state === 'good' || !named.consult) return named.state === 'good';
  const judged = await judgeEntry(entry, destination, { required, tags: false, now }).catch(() => null);
  return judged?.judgement.state === 'good';
}

/** The manifest before this one: a store that lost or hid its tail is noticed by the hole. */
async function lineage(
  known: Known[],
  run: RunContext,
): Promise<Pick<Place, 'previous' | 'sequence'> & { manifest: Manifest | null }> {
  for (const one of known.toReversed().slice(0, usual)) {
    const found = await anyManifest(one, run);
    if (!found) continue;
    const { manifest, sha256 } = found;
    return { previous: { id: one.id, sha256 }, sequence: manifest.sequence + 1, manifest };
  }
  return { previous: null, sequence: known.length + 1, manifest: null };
}

async function measures(action: CaptureAction, known: Known[], run: RunContext): Promise<Measure[]> {
  if (!action.expect.size && !action.expect.duration) return [];
  const found: Measure[] = [];
  for (const one of known.filter(({ good }) => good).toReversed()) {
    if (found.length === usual) break;
    const manifest = (await anyManifest(one, run))?.manifest;
    if (manifest) found.push({ size: artifactsSize(manifest), seconds: manifest.seconds });
  }
  return found;
}

/** The first copy that can be read; a damaged one is the business of `verify`. */
async function anyManifest(one: Known, run: RunContext): Promise<{ manifest: Manifest; sha256: string } | null> {
  for (const { destination } of one.at) {
    const found = await readManifest(destination, manifestKey(run.plan.name, one.id)).catch(() => null);
    if (found) return found;
  }
  return null;
}

function sizeOf(known: Known | undefined): number | undefined {
  const artifacts = known?.at.map(({ entry }) => entry.artifacts).find(({ length }) => length > 0);
  return artifacts?.reduce((sum, { size }) => sum + size, 0);
}
