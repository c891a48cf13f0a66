/** Compares what came back with what the source held when the backup was made: lines of `name<TAB>value`. */
import type { Contents } from '../../recipe.ts';

/** So many differences are named; how many more there are is told. */
const named = 5;

/** What differs, in one sentence, or null. `tolerance` is a fraction of each of the source's counts. */
export function contentsProblem(
  contents: Contents,
  restored: string,
  source: string,
  tolerance: number,
): string | null {
  const [found, wanted] = [linesOf(restored), linesOf(source)];
  const wrong: string[] = [];
  for (const [name, value] of wanted) {
    const got = found.get(name);
    if (got === undefined) wrong.push(`${name} is missing`);
    else if (isBound(value)) {
      if (!within(got, value)) wrong.push(`${name}: ${got} instead of ${value}`);
    } else if (contents === 'checksums' && got !== value) wrong.push(`${name} holds other data (its checksum differs)`);
    else if (contents === 'counts' && !near(got, value, tolerance)) wrong.push(`${name}: ${got} instead of ${value}`);
  }
  for (const name of found.keys()) if (!wanted.has(name)) wrong.push(`${name} is not in the source`);
  if (wrong.length === 0) return null;
  const more = wrong.length > named ? `; and ${wrong.length - named} more` : '';
  return `${wrong.slice(0, named).join('; ')}${more}`;
}

/** How many parts an answer tells of. */
export function partsIn(answer: string): number {
  return linesOf(answer).size;
}

function linesOf(answer: string): Map<string, string> {
  const lines = answer.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const tab = line.lastIndexOf('\t');
      return tab < 0 ? [line, ''] : [line.slice(0, tab), line.slice(tab + 1)];
    }),
  );
}

/** A source may say `42..47` of what stands still for nobody, such as a sequence: what was dumped lies there, open ends included. */
const bounds = /^(-?\d+)?\.\.(-?\d+)?$/;

function isBound(wanted: string): boolean {
  return bounds.test(wanted);
}

function within(got: string, wanted: string): boolean {
  const [, least, most] = bounds.exec(wanted) ?? [];
  if (!/^-?\d+$/.test(got)) return got === wanted;
  const value = BigInt(got);
  return (least === undefined || value >= BigInt(least)) && (most === undefined || value <= BigInt(most));
}

function near(got: string, wanted: string, tolerance: number): boolean {
  if (got === wanted) return true;
  const [one, other] = [Number(got), Number(wanted)];
  return Math.abs(one - other) <= Math.abs(other) * tolerance;
}
