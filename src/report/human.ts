/** What people read: aligned tables, ages, times. */
import { formatDuration } from '../units.ts';

export type Column = { title: string; align?: 'left' | 'right' };

/** Rows below their titles, columns padded to the widest cell, two spaces between; no trailing spaces. */
export function table(columns: Column[], rows: string[][]): string {
  const all = [columns.map(({ title }) => title), ...rows.map((row) => row.map(oneLine))];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => width(row[index] ?? ''))));
  const line = (row: string[]) =>
    columns
      .map(({ align }, index) => pad(row[index] ?? '', widths[index]!, align ?? 'left'))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

/** `label:  value` lines with the values in one column. */
export function fields(rows: [string, string][]): string {
  const widest = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${`${label}:`.padEnd(widest + 2)} ${value}\n`).join('');
}

/** `3h 10m ago`, or `in 5m` for what lies ahead. */
export function age(time: Date, now: Date): string {
  const length = (now.getTime() - time.getTime()) / 1000;
  return length < -1 ? `in ${formatDuration(-length)}` : formatDuration(Math.max(0, Math.round(length)));
}

/** `2026-11-21 03:00:00` on the wall clock of a zone. */
export function wallClock(time: Date, timezone: string): string {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' });
    formats.set(timezone, format);
  }
  return format.format(time);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** `1 backup`, `3 backups`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** A control character in a name must not move the cursor or break a row. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));
}

function width(text: string): number {
  return [...text].length;
}

function pad(text: string, size: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, size - width(text)));
  return align === 'right' ? space + text : text + space;
}
