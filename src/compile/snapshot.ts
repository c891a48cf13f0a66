import type { Argument } from '../command.ts';
import type { CapturePart, Scope } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedBackup } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { askKind } from './ask.ts';
import { comparesWithSource, questionIn, questionName } from './assertions.ts';
import type { PlannedPart } from './parts.ts';
import { placed, placeOf } from './place.ts';

/** A session that holds one moment of the data open while it is read; `moment` is what it printed of itself. */
export type Snapshot = { scope: Scope; moment: Argument } | null;

/** One for each part, in their order; null for what belongs to a server and not to its data, and where the kind has none. */
export function snapshotsOf(backup: ResolvedBackup, parts: readonly PlannedPart[], facts: Facts): Snapshot[] {
  return parts.map(({ purpose, source }, index) => {
    const held = purpose === 'data' ? findSource(source.type).snapshot?.(source.spec, facts) : undefined;
    if (!held) return null;
    const id = parts.length === 1 ? `snapshot:${backup.name}` : `snapshot:${backup.name}:${index + 1}`;
    const scope: Scope = {
      id,
      host: 'local',
      acquire: { do: 'hold', held: placed(held, placeOf(backup.source.place)) },
      release: { do: 'let-go' },
      // `from` and `to`: when the moment was taken, RFC 3339, as the action says it.
      outputs: ['line', 'from', 'to'],
    };
    return { scope, moment: { out: `${id}.line` } };
  });
}

/** What the source is asked at the moment of the data, because something that is restored will be compared with it. */
export function questionsOf(
  { verify, restore }: Pick<ResolvedBackup, 'verify' | 'restore'>,
  { purpose, source }: PlannedPart,
  facts: Facts,
  moment: Argument | undefined,
): NonNullable<CapturePart['ask']> {
  if (purpose !== 'data') return [];
  const planned = [...verify.flatMap(({ assert }) => assert), ...restore.assert].filter(comparesWithSource);
  const questions = planned.flatMap((assertion) => questionIn(assertion) ?? []);
  const asked = new Map(questions.map((question) => [questionName(question), question]));
  return [...asked].map(([question, one]) => ({
    question,
    command: askKind(source, one, null, facts, moment),
  }));
}
