import { setOf } from '../catalog/identity.ts';
import type { ShelfView } from '../graph.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import { decide, type Item } from '../retention/decide.ts';
import { together } from '../retention/sets.ts';
import type { ShelfFacts } from './facts.ts';

/**
 * What retention says of the backups of one unit (a group, or one alone) at one destination. `coming` is the one that the same
 * run will make: it counts as good, since prune only runs after it was proven. What stops the prune of one stops that of all;
 * `blocked` is what stops it at this destination in any case.
 */
export function shelfViews(
  unit: readonly ResolvedBackup[],
  { name: destination, blocked: forbidden }: { name: string; blocked: string | null },
  timezone: string,
  facts: ShelfFacts | undefined,
  coming: (backup: ResolvedBackup) => Item | null,
): ShelfView[] {
  const views = unit.map((backup) => ({ backup: backup.name, destination, keep: [], delete: [] }));
  if (!facts || 'unknown' in facts) {
    const blocked = `its listing could not be read: ${facts?.unknown ?? 'it was not asked for'}`;
    return views.map((view) => ({ ...view, digest: null, blocked }));
  }
  const digest = (name: string) => facts.digests[name] ?? null;
  const policy = unit[0]!.retention[destination] ?? null;
  const stopped = unit.map(({ name }) => facts.blocked[name]).find((why) => why !== undefined);
  const blocked = stopped ?? (policy ? forbidden : null) ?? undefined;
  if (blocked !== undefined) return views.map((view) => ({ ...view, digest: digest(view.backup), blocked }));
  const present = (backup: ResolvedBackup) => facts.items[backup.name] ?? [];
  if (!policy) {
    const reasons = ['no retention: nothing is ever deleted'];
    return unit.map((backup, index) => {
      const keep = present(backup).map(({ id }) => ({ id, reasons }));
      return { ...views[index]!, digest: digest(backup.name), keep };
    });
  }
  // Stamps strictly increase, also when runs follow each other within a second or the clock went back.
  const newest = unit
    .flatMap(present)
    .reduce((latest, { time }) => Math.max(latest, time.getTime() + 1000), Number.NEGATIVE_INFINITY);
  const decisions = unit.map((backup) => {
    const given = coming(backup);
    const next = given && { ...given, time: new Date(Math.max(given.time.getTime(), newest)) };
    return {
      backup: backup.name,
      decision: decide(policy, timezone, next ? [...present(backup), next] : present(backup)),
    };
  });
  return together(decisions, setOrComing).map(({ backup, decision }, index) => ({
    ...views[index]!,
    digest: digest(backup),
    keep: decision.keep,
    delete: decision.delete,
  }));
}

/** What this run makes has no id yet; its members are one set. */
function setOrComing(id: string): string {
  return id.startsWith('‹') ? id.slice(0, 1) : setOf(id);
}
