/** What a plan stores at each destination and what that costs: as it is, and as it will be after the run that is previewed. */
import type { RunFacts, ShelfFacts } from '../compile/facts.ts';
import type { Graph } from '../graph.ts';
import type { ResolvedBackup, ResolvedDestination, ResolvedPlan } from '../plan/resolved.ts';
import { decide, type Item } from '../retention/decide.ts';
import type { Tier } from '../retention/policy.ts';
import { nearQuota, noRoom } from './quota.ts';

/** `unsized`: how many backups are counted whose size nobody knows, so that the bytes are a lower bound. */
export type Amount = { backups: number; bytes: number; unsized: number };

/** One destination. `now` is what lies there, `after` what will, by tier of each backup (its highest one). */
export type Account = {
  destination: string;
  now: Amount;
  after: Amount & { tiers: Partial<Record<Tier | 'recent', Amount>> };
  /** What `after` costs a month, by the plan's `price`; absent without one. */
  month?: number;
  quota?: { warn?: number; fail?: number };
  /** What is wrong: a quota that is nearly used up, backups that will not be begun. */
  warnings: string[];
};

/** Bytes of the newest backup whose size is known at any destination; null before the first. */
export function lastSize(backup: string, shelves: RunFacts['shelves']): number | null {
  let newest: { time: number; size: number } | null = null;
  for (const facts of Object.values(shelves)) {
    if ('unknown' in facts) continue;
    for (const { id, backup: name, time } of facts.shelf.entries) {
      const size = name === backup ? facts.sizes?.[id] : undefined;
      if (size !== undefined && time.getTime() > (newest?.time ?? 0)) newest = { time: time.getTime(), size };
    }
  }
  return newest?.size ?? null;
}

/** Bytes of everything of the plan at a destination, as far as it is known. */
export function storedBytes(facts: ShelfFacts | undefined): number | null {
  if (!facts || 'unknown' in facts || !facts.sizes) return null;
  return Object.values(facts.sizes).reduce((sum, size) => sum + size, 0);
}

/** One account a destination whose shelf could be read and to which the graph writes, in the plan's order. */
export function accountsOf(plan: ResolvedPlan, facts: RunFacts, graph: Pick<Graph, 'shelf' | 'tasks'>): Account[] {
  return Object.values(plan.destinations).flatMap((place) => {
    const shelf = facts.shelves[place.name];
    if (!shelf || 'unknown' in shelf || !shelf.sizes) return [];
    const doomed = graph.shelf.flatMap((view) => (view.destination === place.name ? view.delete : []));
    const coming = comingTo(plan, place.name, shelf, graph, facts.now);
    return [accountOf(plan, place, shelf, { doomed: new Set(doomed.map(({ id }) => id)), coming }, facts)];
  });
}

type Known = Exclude<ShelfFacts, { unknown: string }>;
type Changes = { doomed: ReadonlySet<string>; coming: readonly ResolvedBackup[] };

function accountOf(
  plan: ResolvedPlan,
  place: ResolvedDestination,
  shelf: Known,
  { doomed, coming }: Changes,
  facts: RunFacts,
): Account {
  const sizes = shelf.sizes ?? {};
  const now = amount();
  for (const { id } of shelf.shelf.entries) add(now, sizes[id] ?? null);
  const after: Account['after'] = { ...amount(), tiers: {} };
  const tiers = new Map(
    plan.backups.flatMap((backup) => [...tiersAt(plan, place.name, backup, shelf, coming.includes(backup), facts.now)]),
  );
  const count = (id: string, size: number | null) => {
    const tier = tiers.get(id)?.[0] ?? 'recent';
    after.tiers[tier] ??= amount();
    add(after.tiers[tier], size);
    add(after, size);
  };
  for (const { id } of shelf.shelf.entries) if (!doomed.has(id)) count(id, sizes[id] ?? null);
  for (const { name } of coming) count(comingId(name), lastSize(name, facts.shelves));
  return {
    destination: place.name,
    now,
    after,
    ...(place.price === undefined ? {} : { month: monthly(after.bytes, place.price) }),
    ...(place.quota ? { quota: place.quota } : {}),
    warnings: warningsOf(place, now.bytes, coming, facts),
  };
}

const comingId = (backup: string) => `‹capture:${backup}.id›`;

/** The backups that the run will write there; where a filter takes some tiers only, by those that the next one would hold. */
function comingTo(plan: ResolvedPlan, destination: string, shelf: Known, graph: Pick<Graph, 'tasks'>, now: Date) {
  const sinks = new Map(
    graph.tasks.flatMap(({ action }) => {
      if (action.do !== 'capture') return [];
      const sink = action.branches[0]?.sinks.find((one) => one.destination === destination);
      return sink ? [[action.backup, sink] as const] : [];
    }),
  );
  return plan.backups.filter((backup) => {
    const sink = sinks.get(backup.name);
    if (!sink?.tiers) return sink !== undefined;
    const held = tiersAt(plan, destination, backup, shelf, true, now).get(comingId(backup.name)) ?? [];
    return held.some((tier) => sink.tiers!.includes(tier));
  });
}

/** The tiers of each backup of a name, highest first, by its retention at this destination. */
function tiersAt(
  plan: ResolvedPlan,
  destination: string,
  { name, retention }: ResolvedBackup,
  shelf: Known,
  isComing: boolean,
  now: Date,
): Map<string, Tier[]> {
  const policy = retention[destination];
  const items: Item[] = [...(shelf.items[name] ?? [])];
  if (isComing) items.push({ id: comingId(name), time: now, good: true });
  return policy ? decide(policy, plan.timezone, items).tiers : new Map();
}

/** In the order of the run: what is begun leaves less for those behind it. */
function warningsOf(place: ResolvedDestination, stored: number, coming: readonly ResolvedBackup[], facts: RunFacts) {
  const near = nearQuota(place, stored);
  const warnings = near === null ? [] : [near];
  let used = stored;
  for (const { name } of coming) {
    const expected = lastSize(name, facts.shelves);
    const why = noRoom({ ...(place.quota ? { quota: place.quota } : {}) }, { stored: used, free: null, expected });
    if (why !== null) warnings.push(`"${name}" will not be begun there: ${why}`);
    else used += expected ?? 0;
  }
  return warnings;
}

/** `price` is for 10^9 bytes a month. */
export const monthly = (bytes: number, price: number): number => (bytes / 1e9) * price;

function amount(): Amount {
  return { backups: 0, bytes: 0, unsized: 0 };
}

function add(to: Amount, size: number | null): void {
  to.backups += 1;
  to.bytes += size ?? 0;
  if (size === null) to.unsized += 1;
}
