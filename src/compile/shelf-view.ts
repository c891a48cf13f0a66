import type { ShelfView } from '../graph.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import { decide, type Item } from '../retention/decide.ts';
import type { ShelfFacts } from './facts.ts';

/**
 * What retention says of one backup at one destination. `coming` is the backup that the same run will make: it counts
 * as good, since prune only runs after it was proven.
 */
export function shelfView(
  backup: ResolvedBackup,
  destination: string,
  timezone: string,
  facts: ShelfFacts | undefined,
  coming: Item | null,
): ShelfView {
  const base = { backup: backup.name, destination, keep: [], delete: [] };
  if (!facts || 'unknown' in facts)
    return {
      ...base,
      digest: null,
      blocked: `its listing could not be read: ${facts?.unknown ?? 'it was not asked for'}`,
    };
  const digest = facts.digests[backup.name] ?? null;
  const blocked = facts.blocked[backup.name];
  if (blocked) return { ...base, digest, blocked };
  const present = facts.items[backup.name] ?? [];
  const policy = backup.retention[destination] ?? null;
  if (!policy)
    return {
      ...base,
      digest,
      keep: present.map(({ id }) => ({ id, reasons: ['no retention: nothing is ever deleted'] })),
    };
  const decision = decide(policy, timezone, coming ? [...present, coming] : present);
  return { ...base, digest, keep: decision.keep, delete: decision.delete };
}
