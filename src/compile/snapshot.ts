import type { Argument, Scope } from '../graph.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import type { RunFacts } from './facts.ts';
import type { PlannedPart } from './parts.ts';

/** A session that holds one moment of the data open while it is read; `moment` is what it printed of itself. */
export type Snapshot = { scope: Scope; moment: Argument } | null;

/** One for each part, in their order; null for what belongs to a server and not to its data, and where the kind has none. */
export function snapshotsOf(backup: ResolvedBackup, parts: readonly PlannedPart[], facts: RunFacts): Snapshot[] {
  return parts.map(({ purpose, source }, index) => {
    const held = purpose === 'data' ? findSource(source.type).snapshot?.(source.spec, facts) : undefined;
    if (!held) return null;
    const id = parts.length === 1 ? `snapshot:${backup.name}` : `snapshot:${backup.name}:${index + 1}`;
    const scope: Scope = {
      id,
      host: 'local',
      acquire: { do: 'hold', held },
      release: { do: 'let-go' },
      // `from` and `to`: when the moment was taken, RFC 3339, as the action says it.
      outputs: ['line', 'from', 'to'],
    };
    return { scope, moment: { out: `${id}.line` } };
  });
}
