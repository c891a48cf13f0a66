/** What is read from the machine and from the destinations before a graph is compiled. */
import { readFile } from 'node:fs/promises';
import { sizeOf } from './catalog/artifacts.ts';
import { manifestKey } from './catalog/keys.ts';
import { judgeUnit } from './catalog/sets.ts';
import { readShelf, shelfOf } from './catalog/shelf.ts';
import { sizesOf } from './catalog/sizes.ts';
import { inspectionKey, type RunFacts, type ShelfFacts } from './compile/facts.ts';
import { type Missing, type MissingOptions, missingAt } from './copies/missing.ts';
import { type Stand, standOf } from './copies/stand.ts';
import type { Destination } from './destination.ts';
import { closeDestinations, type Opened, openDestinations } from './destinations/open.ts';
import { secretReader } from './execute/secrets.ts';
import type { Inspection } from './kind.ts';
import { unitsOf } from './plan/groups.ts';
import { requiredLevels } from './plan/levels.ts';
import type { ResolvedBackup, ResolvedPlan } from './plan/resolved.ts';
import { findTransform } from './registry.ts';
import { decide, type Item } from './retention/decide.ts';
import { pruneBlocked } from './retention/guard.ts';
import type { RetentionPolicy } from './retention/policy.ts';
import { readSources } from './source-facts.ts';

type FactOptions = {
  environment: Readonly<Record<string, string | undefined>>;
  /** Destinations whose shelves are read; default all. */
  destinations?: readonly string[];
  /** Backups whose sources are looked at; default all. */
  backups?: readonly string[];
  /** Ask the live sources what they are. One that does not answer is a problem of its backups, and no error. */
  survey?: boolean;
  /** Look for what is missing where of these backups, `from` these destinations (default all). */
  copies?: MissingOptions & { from?: readonly string[] };
};

/** Reads programs, sources, key files and shelves. A destination that cannot be read becomes `unknown`, never an error. */
export async function readFacts(plan: ResolvedPlan, options: FactOptions): Promise<RunFacts> {
  const { environment, destinations = Object.keys(plan.destinations), backups, survey = false } = options;
  const now = new Date();
  const { directory } = plan;
  const { read, redact } = secretReader(plan.secrets, { directory, environment });
  const chosen = backups ? plan.backups.filter(({ name }) => backups.includes(name)) : plan.backups;
  const opened = await openDestinations(plan, destinations, { readSecret: read, environment, purpose: 'use' });
  try {
    const [sources, inspections, shelves] = await Promise.all([
      readSources(chosen, { environment, directory, readSecret: read, redact }, survey),
      inspectAll(plan.backups),
      Promise.all([...opened].map(async ([name, entry]) => [name, await shelfFacts(plan, name, entry, now)] as const)),
    ]);
    const known = Object.fromEntries(shelves);
    const copies = options.copies && (await copyFacts(plan, opened, known, options.copies));
    return { ...sources, inspections, shelves: known, now, ...(copies ? { copies } : {}) };
  } finally {
    await closeDestinations(opened);
  }
}

/** What each destination that can be read lacks. One whose tombstones cannot be read gets nothing, and says why. */
async function copyFacts(
  plan: ResolvedPlan,
  opened: ReadonlyMap<string, Opened>,
  shelves: RunFacts['shelves'],
  { from = Object.keys(plan.destinations), ...wanted }: NonNullable<FactOptions['copies']>,
): Promise<NonNullable<RunFacts['copies']>> {
  if (opened.size < 2) return {};
  const stands: Stand[] = [];
  const copies: Record<string, { missing: readonly Missing[] } | { unknown: string }> = {};
  const attempted = async (name: string, act: () => Promise<void>) => {
    await act().catch((error: unknown) => {
      copies[name] = { unknown: error instanceof Error ? error.message : String(error) };
    });
  };
  for (const [name, entry] of opened) {
    const facts = shelves[name];
    if ('error' in entry || !facts) continue;
    if ('unknown' in facts) copies[name] = facts;
    else await attempted(name, async () => void stands.push(await standOf(plan, entry.destination, facts.shelf)));
  }
  for (const here of stands) {
    const others = stands.filter(({ name }) => name !== here.name && from.includes(name));
    if (others.length > 0)
      await attempted(here.name, async () => {
        copies[here.name] = { missing: await missingAt(plan, here, others, wanted) };
      });
  }
  return copies;
}

async function inspectAll(backups: readonly ResolvedBackup[]): Promise<Record<string, Inspection>> {
  const found: Record<string, Inspection> = {};
  for (const backup of backups) {
    for (const [index, { type, spec }] of backup.transforms.entries()) {
      const inspection = await findTransform(type).inspect?.(spec, (path) => readFile(path));
      if (inspection) found[inspectionKey(backup.name, index)] = inspection;
    }
  }
  return found;
}

async function shelfFacts(plan: ResolvedPlan, name: string, opened: Opened, now: Date): Promise<ShelfFacts> {
  if ('error' in opened) return { unknown: opened.error.message };
  const { destination } = opened;
  try {
    const shelf = await readShelf(destination, plan.name, null);
    const clock = await destination.clock();
    const facts = {
      shelf,
      items: {} as Record<string, Item[]>,
      digests: {} as Record<string, string>,
      blocked: {} as Record<string, string>,
      sizes: {} as Record<string, number>,
    };
    const here = plan.backups.filter(({ destinations }) => destinations.some((used) => used.name === name));
    for (const unit of unitsOf(plan, here)) {
      const members = unit.map((backup) => ({ name: backup.name, required: requiredLevels(backup) }));
      const tags = (unit[0]!.retention[name]?.tags.length ?? 0) > 0;
      const { judged } = await judgeUnit(shelf, destination, members, { tags, now });
      for (const [backup, all] of judged) {
        const given = all.map(({ item }) => item);
        // A manifest whose artifacts were looked for tells their sizes: they need not be asked for again.
        for (const { entry, manifest, judgement } of all)
          if (manifest && judgement.state !== 'incomplete')
            facts.sizes[entry.id] = sizeOf(manifest) + entry.manifestSize;
        const items = await withLocks(plan, given, unit[0]!.retention[name] ?? null, destination);
        facts.items[backup] = items;
        facts.digests[backup] = shelfOf(shelf, backup).digest;
        const blocked = pruneBlocked(items, now, clock);
        if (blocked) facts.blocked[backup] = blocked;
      }
    }
    const unsized = shelf.entries.filter(({ id }) => facts.sizes[id] === undefined);
    Object.assign(facts.sizes, Object.fromEntries(await sizesOf(destination, unsized)));
    return facts;
  } catch (error) {
    return { unknown: error instanceof Error ? error.message : String(error) };
  }
}

/** Of what the retention would let go, what the store does not: so that nobody is shown a deletion that will not be. */
async function withLocks(
  plan: ResolvedPlan,
  items: Item[],
  policy: RetentionPolicy | null,
  destination: Destination,
): Promise<Item[]> {
  if (!destination.locked || policy === null) return items;
  const held = new Map<string, string>();
  for (const { id } of decide(policy, plan.timezone, items).delete) {
    const why = await destination.locked(manifestKey(plan.name, id));
    if (why !== null) held.set(id, why);
  }
  return items.map((item) => (held.has(item.id) ? { ...item, held: held.get(item.id)! } : item));
}
