import { Format, type Journal } from '../../catalog/format.ts';
import { newNonce } from '../../catalog/identity.ts';
import { closeJournal, writeJournal } from '../../catalog/journal.ts';
import { planKeys } from '../../catalog/keys.ts';
import { removalKeys } from '../../catalog/remove.ts';
import { type Destination, type Placement, type Sink, withoutName } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Tier } from '../../retention/policy.ts';
import type { NamedSink } from '../fan-out.ts';
import type { PerformContext } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { asError, textOf } from './errors.ts';
import { stillOurs } from './lease.ts';

/** One destination's copy on its way. `error` is set when it is out; what it left is undone in the end. */
export type Copy = {
  name: string;
  destination: Destination;
  dropAfter?: number;
  /** One for each part, in their order; null until its turn has come. */
  sinks: (Sink | null)[];
  /** Likewise. */
  placements: Placement[];
  /** Its artifacts begin with the parts, in their order. */
  journal: Journal;
  journalKey: string;
  /** Whether the journal may be there. */
  isJournalled: boolean;
  /** Parts that are durable and of which the store counts as many bytes as were sent. */
  prepared: number;
  /** Keys that this run has claimed. */
  published: string[];
  /** Whether records of it may lie there. */
  isMarked: boolean;
  isCommitted: boolean;
  error: Error | null;
};

/** What comes to lie at a destination: its parts by their keys, in their order, with the bytes that are expected of each. */
export type Coming = {
  id: string;
  backup: string;
  tiers: readonly Tier[];
  artifactKeys: readonly string[];
  partSizes: readonly (number | null)[];
  manifestKey: string;
};

/** `dropAfter`: seconds for which it may hold up the others. */
export type Wanted = { name: string; destination: Destination; keptUntil: Date | null; dropAfter?: number };

/** Names in a journal at one destination all that may come to lie there. `attempts`: how often a part may be begun. */
export async function openCopy(wanted: Wanted, coming: Coming, run: RunContext, attempts = 1): Promise<Copy> {
  const { name, destination, keptUntil, dropAfter } = wanted;
  const { id } = coming;
  const tier = coming.tiers[0] ?? 'recent';
  const artifacts = Array.from({ length: attempts }, () => coming.artifactKeys).flat();
  const journal: Journal = {
    format: Format.journal,
    run: run.run,
    backup: coming.backup,
    id,
    started: new Date().toISOString(),
    tier,
    ...(keptUntil ? { keptUntil: keptUntil.toISOString() } : {}),
    artifacts: artifacts.map((key) => ({ key, attempt: newNonce() })),
    manifestKey: coming.manifestKey,
  };
  const journalKey = planKeys.journal(run.plan.name, run.run, id);
  const copy: Copy = {
    name,
    destination,
    ...(dropAfter === undefined ? {} : { dropAfter }),
    sinks: coming.artifactKeys.map(() => null),
    placements: coming.partSizes.map((expected) => ({ expected, tier, keptUntil })),
    journal,
    journalKey,
    isJournalled: false,
    prepared: 0,
    published: [],
    isMarked: false,
    isCommitted: false,
    error: null,
  };
  try {
    await stillOurs(run, name);
    copy.isJournalled = true;
    await writeJournal(destination, run.plan.name, journal);
  } catch (error) {
    copy.error = asError(error);
  }
  return copy;
}

/** Opens the sinks of one part at every destination that is still in. */
export async function openSinks(copies: Copy[], part: number): Promise<NamedSink[]> {
  const opened = await Promise.all(
    copies.map(async (copy) => {
      if (copy.error) return [];
      try {
        const { key, attempt } = copy.journal.artifacts[part]!;
        const sink = await copy.destination.put(key, attempt, copy.placements[part]!);
        copy.sinks[part] = sink;
        const { name, dropAfter } = copy;
        return [{ name, sink, ...(dropAfter === undefined ? {} : { dropAfter }) }];
      } catch (error) {
        copy.error = asError(error);
        return [];
      }
    }),
  );
  return opened.flat();
}

/** All bytes of one part durable at every destination that is still in, and the store counts as many as were sent. */
export async function prepareCopies(copies: Copy[], part: number, size: number): Promise<void> {
  await Promise.all(
    copies.map(async (copy) => {
      const sink = copy.sinks[part];
      if (copy.error || !sink) return;
      try {
        const stored = await sink.prepare();
        if (stored.size !== size) throw new RunnerError(`it stored ${stored.size} bytes of the ${size} that were sent`);
        copy.prepared += 1;
      } catch (error) {
        copy.error = asError(error);
      }
    }),
  );
}

/** Removes exactly what an uncommitted copy may have left. What cannot be removed now, the next run removes. */
export async function undoCopies(copies: Copy[], run: RunContext, context: PerformContext): Promise<void> {
  await Promise.all(
    copies.map(async (copy) => {
      if (copy.isCommitted) return;
      try {
        for (const sink of copy.sinks) await sink?.abort();
        // Whoever took over may have finished the commit: it is theirs then.
        if (copy.published.length > 0 || copy.isMarked) {
          await stillOurs(run, copy.name);
          await removePublished(copy, run);
        }
        if (copy.isJournalled) await closeJournal(copy.destination, copy.journalKey);
      } catch (error) {
        tell(copy, `what was begun there is removed by the next run: ${textOf(error)}`, context);
      }
    }),
  );
}

/** The manifest first: without it nothing that is left can be taken for a backup. */
async function removePublished({ destination, journal, published }: Copy, run: RunContext): Promise<void> {
  const keys = await removalKeys(destination, run.plan.name, journal.id, published);
  for (const key of keys) await destination.remove(key);
}

export function tell({ name }: Copy, text: string, context: PerformContext): void {
  const message = `destination "${name}": ${withoutName(name, text)}`;
  context.emit({ event: 'notice', level: 'warning', task: context.id, message });
}
