/** Names longer than this are not mistyped ones, and comparing them would cost. */
const longest = 64;

/**
 * The candidate that a mistyped name most likely means, or undefined when none is near: at most one edit in a short
 * name, two in five letters of a longer one. Case and `_` for `-` count as nothing. The first of equals wins.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length === 0 || name.length > longest) return undefined;
  const wanted = plain(name);
  let best: string | undefined;
  let bound = Math.max(1, Math.floor(name.length * 0.4));
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) > bound) continue;
    const found = distance(wanted, plain(candidate), bound);
    if (found > bound || (best !== undefined && found === bound)) continue;
    best = candidate;
    bound = found;
    if (found === 0) break;
  }
  return best;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/**
 * Damerau-Levenshtein distance (optimal string alignment: insert, delete, replace, swap of neighbours); any number
 * above `bound` once it is sure to be larger.
 */
function distance(from: string, to: string, bound: number): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
    }
    if (Math.min(...current) > bound) return bound + 1;
    before = last;
    last = current;
  }
  return last[to.length]!;
}
