/** Reads plans/README.md: the section of each document, its rows, its counts and the lines of its recovery. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '..', '..', '..');

export type Row = { number: number; lines: number[]; says: string; keptBy: string; provedBy: string };
export type Section = {
  name: string;
  /** The document's number, such as `004`. */
  document: string;
  /** Its plans and its tests, from the root of the project. */
  plans: string[];
  tests: string[];
  rows: Row[];
  /** What the sentence beneath the table counts; null where there is none. */
  counts: { statements: number; kept: number; notYet: number } | null;
  explanation: number[];
  /** What stands in quotation blocks: the findings that the plan earns, as `validate` says them. */
  earned: string[];
  text: string;
};

/** Every document's section, in the page's order. */
export function sections(): Section[] {
  const page = readFileSync(join(root, 'plans', 'README.md'), 'utf8');
  return page.split(/^## /m).slice(1).map(section);
}

/** The commands of a section's recovery, one a line, as they stand in the page. */
export function recovery(name: string): string[] {
  const { text } = sections().find((one) => one.name === name)!;
  const block = /^#+ Recovery$[\s\S]*?^```sh\n([\s\S]*?)^```$/m.exec(text)?.[1] ?? '';
  return block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** So many texts. */
type Texts<Count extends number, Found extends string[] = []> = Found['length'] extends Count
  ? Found
  : Texts<Count, [...Found, string]>;

/** The same commands where each of them is told apart. Throws when there are more or fewer. */
export function recoveryOf<Count extends number>(name: string, count: Count): Texts<Count> {
  const lines = recovery(name);
  if (lines.length !== count) throw new Error(`the recovery of ${name} has ${lines.length} lines, and not ${count}`);
  return lines as Texts<Count>;
}

/** What stands in code in a cell: paths of the plan, commands, names of tests. */
export const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

/** The reason behind **not yet**; null where the statement is kept. */
export const notYet = (row: Row): string | null => /\*\*not yet\*\*:?\s*(.*)/i.exec(row.keptBy)?.[1] ?? null;

function section(text: string): Section {
  const name = text.slice(0, text.indexOf('\n')).trim();
  const head = text.slice(0, text.indexOf('\n|'));
  const counts = /^Statements: (\d+); kept: (\d+); not yet: (\d+)\.$/m.exec(text);
  return {
    name,
    document: /Document (\d{3})/.exec(head)?.[1] ?? '',
    plans: [...head.matchAll(/\]\(([\w./-]+\.yaml)\)/g)].map((match) => `plans/${match[1]}`),
    tests: codes(head).filter((code) => code.endsWith('.test.ts')),
    rows: text.split('\n').flatMap((line) => row(line) ?? []),
    counts: counts && { statements: Number(counts[1]), kept: Number(counts[2]), notYet: Number(counts[3]) },
    explanation: ranges(/^Explanation only: lines?([^.]*)/m.exec(text)?.[1] ?? ''),
    earned: [...text.matchAll(/^> (.+)$/gm)].map((match) => match[1]!),
    text,
  };
}

/** A line of a table that begins with a number. A stroke inside a cell is written `\|`. */
function row(line: string): Row | null {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
  if (cells.length !== 7 || !/^\d+$/.test(cells[1]!)) return null;
  const [, number, lines, says, keptBy, provedBy] = cells as [string, string, string, string, string, string];
  return { number: Number(number), lines: ranges(lines), says, keptBy, provedBy };
}

/** `12-14, 40` -> 12, 13, 14, 40. */
function ranges(text: string): number[] {
  return [...text.matchAll(/(\d+)(?:\s*[-–]\s*(\d+))?/g)].flatMap(([, first, last]) => {
    const from = Number(first);
    return Array.from({ length: Number(last ?? first) - from + 1 }, (_, index) => from + index);
  });
}
