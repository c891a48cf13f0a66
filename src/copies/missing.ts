/** What a destination lacks of what its retention would keep, and who can give it. */
import { sizeOf } from '../catalog/artifacts.ts';
import type { Manifest } from '../catalog/format.ts';
import { compareIds, setOf } from '../catalog/identity.ts';
import { readManifest } from '../catalog/manifest.ts';
import type { ShelfEntry } from '../catalog/shelf.ts';
import { readTombstones } from '../catalog/tombstone.ts';
import { unitsOf } from '../plan/groups.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { desired } from '../retention/desired.ts';
import { damagedAt } from './damaged.ts';
import { goodOf, type Known } from './known.ts';
import { wasMeantFor } from './meant.ts';
import type { Stand } from './stand.ts';

/**
 * `from`: destinations with a good copy, the best first. `bytes` of its artifacts; null where nothing tells. `isDamaged`: what lies
 * there of it is not what was backed up, and makes way.
 */
export type Missing = { id: string; backup: string; from: string[]; bytes: number | null; isDamaged: boolean };

/**
 * `all`: also what is older than the destination itself. Without it only what it was to receive and did not: it was down,
 * full, or too slow.
 */
export type MissingOptions = { backups: readonly string[]; all: boolean };

type Lacking = Known & { manifest: Manifest | null; isDamaged: boolean };

/**
 * What is to be copied to `here` out of `others`, the newest first. Rejects when it cannot be known what was deleted there.
 */
export async function missingAt(
  plan: ResolvedPlan,
  here: Stand,
  others: readonly Stand[],
  { backups, all }: MissingOptions,
): Promise<Missing[]> {
  const sent = plan.backups.filter(({ name, destinations }) => {
    return backups.includes(name) && destinations.some((one) => one.name === here.name);
  });
  const lacking: Lacking[] = [];
  for (const unit of unitsOf(plan, sent)) lacking.push(...(await lackingOf(plan, unit, here, others)));
  if (lacking.length === 0) return [];
  const deleted = await readTombstones(here.destination, plan.name);
  const left = lacking.filter(({ id }) => !deleted.has(id)).toSorted((one, other) => compareIds(other.id, one.id));
  const wanted = all ? left : await meant(plan.name, left, here, others);
  return wanted.map(({ id, backup, good, manifest, isDamaged }) => {
    const listed = good.map(({ entry }) => listedSize(entry)).find((bytes) => bytes !== null);
    const bytes = listed ?? (manifest && sizeOf(manifest));
    return { id, backup, from: good.map(({ stand }) => stand.name), bytes, isDamaged };
  });
}

/** By names, and by manifests where names do not suffice: for the tiers that a destination takes, and for sizes. */
async function lackingOf(
  plan: ResolvedPlan,
  unit: readonly ResolvedBackup[],
  here: Stand,
  others: readonly Stand[],
): Promise<Lacking[]> {
  const [first] = unit;
  const known = goodOf(
    unit.map(({ name }) => name),
    [here, ...others],
  );
  const damaged = new Set<string>();
  for (const { name } of unit) for (const id of await damagedAt(plan, here, name)) damaged.add(id);
  const entries = here.shelf.entries.filter(({ id }) => !damaged.has(id));
  const present = new Set([...entries.map(({ id }) => id), ...here.shelf.pruned]);
  // Most nights nothing is missing, and years of backups need no decision.
  if (known.every(({ id }) => present.has(id))) return [];
  const members = unit.map(({ name }) => ({
    backup: name,
    items: known.filter(({ backup }) => backup === name).map(({ item }) => item),
  }));
  const wanted = desired(first!.retention[here.name] ?? null, plan.timezone, members, setOf);
  const lacking = known.filter(({ id }) => wanted.has(id) && !present.has(id));
  const tiers = first!.destinations.find(({ name }) => name === here.name)?.tiers;
  const found: Lacking[] = [];
  for (const one of lacking) {
    const isListed = one.good.some(({ entry }) => entry.artifacts.length > 0);
    const manifest = tiers || !isListed ? await manifestOf(one) : null;
    if (!tiers || manifest?.tiers.some((tier) => (tiers as string[]).includes(tier)))
      found.push({ ...one, manifest, isDamaged: damaged.has(one.id) });
  }
  return found;
}

/** The first that can be read: a damaged one is found when it is copied. */
async function manifestOf({ good }: Known): Promise<Manifest | null> {
  for (const { stand, entry } of good) {
    const read = await readManifest(stand.destination, entry.manifestKey).catch(() => null);
    if (read) return read.manifest;
  }
  return null;
}

/** Of each backup name the newest ones, up to the first that was not made for this destination; what is damaged there was. */
async function meant(
  plan: string,
  newestFirst: readonly Lacking[],
  here: Stand,
  others: readonly Stand[],
): Promise<Lacking[]> {
  const over = new Set<string>();
  const found: Lacking[] = [];
  for (const one of newestFirst) {
    if (one.isDamaged) found.push(one);
    if (one.isDamaged || over.has(one.backup)) continue;
    if (await wasMeantFor(plan, one, here, others)) found.push(one);
    else over.add(one.backup);
  }
  return found;
}

function listedSize({ artifacts }: ShelfEntry): number | null {
  return artifacts.length === 0 ? null : artifacts.reduce((sum, { size }) => sum + size, 0);
}
