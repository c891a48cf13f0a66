/** What a restore says to a person: what it would replace, and what it left where. */
import { type RunFacts, sourceFacts } from '../compile/facts.ts';
import { exists } from '../execute/actions/directory.ts';
import { placeName } from '../place-name.ts';
import { findSource } from '../registry.ts';
import { oneLine } from '../report/human.ts';
import { look } from './database-target.ts';
import type { PlacedPiece } from './pieces.ts';
import type { Wanted } from './restore.ts';
import type { AskServer } from './server.ts';
import { existsThere } from './target-there.ts';

/** Not what belongs to the whole server. */
export const isData = ({ part }: Pick<PlacedPiece, 'part'>): boolean => part.purpose === 'data';

/** What must be agreed to, as one question; null where nothing is replaced. */
export function question(wanted: readonly Wanted[]): string | null {
  const acts = wanted.flatMap((one) =>
    one.pieces.filter((piece) => isData(piece) && piece.replaces && !piece.empty).map((piece) => actOf(one, piece)),
  );
  return acts.length === 0 ? null : acts.join(', and ');
}

/** What must be typed for it: the plan's own words for live data that is replaced, each once; none: a `y` will do. */
export function wordsToType(wanted: readonly Wanted[]): string[] {
  const words = wanted.flatMap(({ backup, live, pieces }) => {
    const { confirm } = backup.restore;
    const replaces = pieces.some((piece) => isData(piece) && piece.replaces && !piece.empty);
    return live && replaces && confirm !== undefined ? [confirm] : [];
  });
  return [...new Set(words)];
}

function actOf({ backup, origin: { id }, live }: Wanted, piece: PlacedPiece): string {
  if (piece.target === null) return `feed ${id} to the restore program of "${backup.name}"`;
  const target = placeText(piece);
  const parts = piece.only.map(oneLine).join(', ');
  if (piece.where !== null && parts !== '')
    return `replace ${parts} in ${target} by that of ${id} (${piece.safety ? 'a safety copy of the whole database is kept' : 'no copy of it is kept'})`;
  return `replace ${live ? 'the live data' : 'what lies'} ${piece.where === null ? 'at' : 'in'} ${target} by ${id} (${keptText(piece)})`;
}

function keptText(piece: PlacedPiece): string {
  const kind = findSource(piece.source.type);
  const over = piece.where !== null && !kind.databases?.swap;
  if (!piece.safety) return `${over ? 'it is loaded over the old, and ' : ''}no copy of it is kept`;
  if (over) return 'it is loaded over the old, of which a safety copy is kept and put back should that fail';
  return kind.relocate ? 'a safety copy of it is kept' : 'it is moved aside';
}

function placeText({ target, where, there, source }: PlacedPiece): string {
  if (there) return `${oneLine(target!)} (${placeName(source.place!)})`;
  return where === null ? target! : `database "${oneLine(target!)}" of the ${where}`;
}

/** ` to /srv/data`, or nothing where a program took it. */
export function targetsText({ pieces }: Wanted): string {
  const targets = pieces.filter(isData).flatMap(({ target }) => (target === null ? [] : [oneLine(target)]));
  return targets.length === 0 ? '' : ` to ${targets.join(', ')}`;
}

/** What lay at a target before and is still there under another name. A server that cannot be asked says nothing. */
export async function leftNames(wanted: readonly Wanted[], facts: RunFacts, ask: AskServer): Promise<string[]> {
  const sentences: string[] = [];
  for (const { piece, backup } of wanted.flatMap(({ pieces, backup }) => pieces.map((piece) => ({ piece, backup })))) {
    const { target, aside, where, source } = piece;
    if (target === null || aside === '') continue;
    if (where === null) {
      const isLeft = piece.there ? await existsThere(aside, source, ask).catch(() => null) : await exists(aside);
      if (isLeft) sentences.push(`what lay at ${oneLine(target)} before is kept at ${oneLine(aside)}`);
      if (isLeft === null && piece.replaces)
        sentences.push(
          `the place could not be asked any more: should ${oneLine(target)} be missing, look for what lay there at ${oneLine(aside)}`,
        );
      continue;
    }
    const there = await look({ source, facts: sourceFacts(facts, backup), ask, where }, aside).catch(() => 'nothing');
    if (there !== 'nothing')
      sentences.push(`what was in database "${oneLine(target)}" before is kept in database "${oneLine(aside)}"`);
  }
  return sentences;
}
