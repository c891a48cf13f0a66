import { styleText } from 'node:util';
import type { Diagnostic, Place, Severity } from '../diagnostic.ts';
import { shownPath } from './position.ts';

/** Columns of a line that are shown; the rest is cut around what is marked. */
const shownColumns = 100;
/** Columns kept before the mark in a line that is cut. */
const leadColumns = 40;
/** Characters of a message; a hostile plan may have keys of a megabyte. */
const messageLength = 300;

/** Sorted by file, line and column; those without a place come first. Equal ones keep their order. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted(({ place: a }, { place: b }) => {
    if (!a || !b) return Number(Boolean(a)) - Number(Boolean(b));
    if (a.file !== b.file) return a.file < b.file ? -1 : 1;
    return a.line - b.line || a.column - b.column;
  });
}

/**
 * The findings as text for a terminal, sorted, with a line that counts them at the end; empty when there are none.
 *
 *     plans/x.yaml:14:5 error schema: unknown key "daly"
 *       14 |     daly: 30d
 *          |     ^~~~
 *       expected: hourly, daily, weekly, monthly or yearly
 *       did you mean "daily"?
 */
export function printDiagnostics(diagnostics: readonly Diagnostic[], options: { color?: boolean } = {}): string {
  if (diagnostics.length === 0) return '';
  const paint: Paint = (format, text) => (options.color ? styleText(format, text, { validateStream: false }) : text);
  const blocks = sortDiagnostics(diagnostics).map((diagnostic) => printOne(diagnostic, paint));
  return `${blocks.join('\n\n')}\n\n${countLine(diagnostics)}\n`;
}

type Paint = (format: 'bold' | 'red' | 'yellow' | 'cyan' | 'dim', text: string) => string;

const colors = { error: 'red', warning: 'yellow', advice: 'cyan' } as const satisfies Record<Severity, string>;

function printOne({ place, severity, rule, message, expected, suggestion }: Diagnostic, paint: Paint): string {
  const where = place ? `${paint('bold', visible(`${shownPath(place.file)}:${place.line}:${place.column}`))} ` : '';
  const lines = [`${where}${paint(colors[severity], severity)} ${rule}: ${short(message)}`];
  if (place && place.text !== '') lines.push(...excerpt(place, (text) => paint(colors[severity], text)));
  if (expected) lines.push(`  expected: ${short(expected)}`);
  if (suggestion) lines.push(`  did you mean "${short(suggestion)}"?`);
  return lines.join('\n');
}

function countLine(diagnostics: readonly Diagnostic[]): string {
  const parts = (['error', 'warning', 'advice'] as const).flatMap((severity) => {
    const count = diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
    if (count === 0) return [];
    return [severity === 'advice' ? `${count} advice` : `${count} ${severity}${count === 1 ? '' : 's'}`];
  });
  return parts.join(', ');
}

function excerpt({ text, line, column, length }: Place, paint: (text: string) => string): string[] {
  const at = Math.min(column - 1, text.length);
  const begin = text.length <= shownColumns ? 0 : Math.max(0, Math.min(at - leadColumns, text.length - shownColumns));
  const end = Math.min(text.length, begin + shownColumns);
  const before = (begin > 0 ? '…' : '') + shown(text.slice(begin, at));
  const marked = shown(text.slice(at, Math.min(at + length, end)));
  const after = shown(text.slice(Math.min(at + length, end), end)) + (end < text.length ? '…' : '');
  const number = String(line);
  const mark = paint(`^${'~'.repeat(Math.max(0, columnsOf(marked) - 1))}`);
  return [
    `  ${number} | ${before}${marked}${after}`,
    `  ${' '.repeat(number.length)} | ${' '.repeat(columnsOf(before))}${mark}`,
  ];
}

/** A part of a line as it is shown: a tab takes four columns. */
function shown(text: string): string {
  return visible(text.replaceAll('\t', '    '));
}

/**
 * Control characters as pictures of themselves, so that a plan cannot command the terminal of its reader; half a
 * character, where a line was cut, as a replacement.
 */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\uFFFD';
  });
}

function short(text: string): string {
  const cut = text.length > messageLength ? `${text.slice(0, messageLength)}…` : text;
  return visible(cut);
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const narrow = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a text takes in a terminal. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += narrow.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}
