/** Which artifacts of a backup a restore takes, and where each goes. */
import { dirname, join } from 'node:path';
import { partLabel, partOf } from '../catalog/artifacts.ts';
import { type RunFacts, sourceFacts } from '../compile/facts.ts';
import type { RestoreChoice, RestorePiece } from '../compile/index.ts';
import { sourceOfPart } from '../compile/parts.ts';
import { refuse } from '../diagnostic.ts';
import { exists } from '../execute/actions/directory.ts';
import type { PartId } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { Configured, ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { oneLine } from '../report/human.ts';
import { databaseTarget } from './database-target.ts';
import type { AskServer } from './server.ts';
import { restoreTarget } from './target.ts';

/** The backup that was chosen; `part` where a single file of it was named. */
export type Origin = Pick<RestoreChoice, 'id' | 'manifest' | 'records' | 'from'> & { part?: PartId | null };

/** `where`: which server, for a person; null for paths and programs. `remarks` are to be read before going on. */
export type PlacedPiece = RestorePiece & { where: string | null; remarks: string[] };

export type Wish = {
  to: string | undefined;
  /** Names of parts, or of what is inside of one. */
  only: readonly string[];
  /** Keep a copy of what is replaced. */
  safety: boolean;
};

export type Placed = { live: boolean; pieces: PlacedPiece[] };

/** Throws RunnerError (exit 4) where the parts, the target or the server do not fit. */
export async function placedPieces(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  origin: Origin,
  wish: Wish,
  runFacts: RunFacts,
  ask: AskServer,
): Promise<Placed> {
  const facts = sourceFacts(runFacts, backup);
  const { parts, inner } = chosenParts(origin, wish.only);
  const kind = findSource(backup.source.type);
  if (kind.restores(backup.source.spec, backup.restore.options) !== 'database') {
    const { live, ...target } = await restoreTarget(plan, backup, wish.to, inner, ask);
    if (live && !target.there && (await holdsMore(backup.source, target.target, facts)))
      Object.assign(target, { replaces: true, empty: false });
    const safety = wish.safety && target.replaces && !target.empty;
    return {
      live,
      pieces: [
        { ...target, part: parts[0]!, source: backup.source, only: [...inner], safety, where: null, remarks: [] },
      ],
    };
  }
  const data = parts.filter(({ purpose }) => purpose === 'data');
  const to = wish.to ?? backup.restore.to ?? null;
  if (to !== null && data.length > 1)
    throw refuse(
      `one name cannot hold the ${data.length} databases of ${origin.id} (${listed(data)}): say which with --only`,
    );
  const taken = new Set<string>();
  const pieces: PlacedPiece[] = [];
  let live = data.length > 0;
  for (const part of parts) {
    const source = { ...backup.source, ...sourceOfPart(backup.source, part, facts) };
    if (part.purpose === 'globals') {
      pieces.push({ ...nowhere, part, source });
      continue;
    }
    const title = part.name === null ? `"${backup.name}"` : `${oneLine(part.name)} of "${backup.name}"`;
    const found = await databaseTarget({ title, source, to, only: inner, taken }, facts, ask);
    const { live: own, ...target } = found;
    live &&= own || (wish.to === undefined && to !== null);
    pieces.push({ ...target, part, only: [...inner], safety: wish.safety && target.replaces && !target.empty });
  }
  return { live, pieces };
}

/** A server that answers has data in no file yet; one that is down may have left it in others beside the target. */
async function holdsMore({ type, spec }: Configured, target: string | null, facts: Facts): Promise<boolean> {
  const kind = findSource(type);
  if (target === null) return false;
  if (kind.quiet && facts.survey) return true;
  const names = kind.neighbours?.(spec, facts) ?? [];
  return (await Promise.all(names.map((name) => exists(join(dirname(target), name))))).includes(true);
}

const nowhere = {
  target: null,
  replaces: false,
  empty: true,
  beside: '',
  stale: false,
  aside: '',
  safety: false,
  only: [],
  where: null,
  remarks: [],
};

/** What `--only` names: parts of the backup, and behind them (or of its only part) what is inside. */
function chosenParts({ id, manifest, part }: Origin, only: readonly string[]): { parts: PartId[]; inner: string[] } {
  const single: PartId = { name: null, purpose: 'data' };
  const all = part ? [part] : manifest ? manifest.artifacts.map(partOf) : [single];
  const isNamed = (one: PartId) => one.name !== null && only.includes(partLabel(one));
  const named = all.filter(isNamed);
  const inner = only.filter((word) => !all.some((one) => one.name !== null && partLabel(one) === word));
  const parts = named.length > 0 ? named : all;
  const data = parts.filter(({ purpose }) => purpose === 'data');
  if (inner.length > 0 && data.length !== 1)
    throw refuse(
      `${inner.join(', ')}: ${id} holds ${listed(all)}; name one of them with --only, and then what is wanted of it`,
    );
  // Single tables need no roles made anew.
  return { parts: inner.length > 0 ? data : parts, inner };
}

function listed(parts: readonly PartId[]): string {
  const names = parts.map((part) => oneLine(partLabel(part)));
  return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');
}
