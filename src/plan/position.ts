import { relative, sep } from 'node:path';
import type { Place } from '../diagnostic.ts';

/** The text of one plan file, as its places are counted in. */
export type Source = {
  /** Absolute path. */
  file: string;
  /** Without a byte order mark. */
  text: string;
  /** Offsets at which the lines begin; filled when the first place is asked for. */
  lines?: number[];
};

/** A stretch of a source, as offsets of its text; `end` is exclusive. */
export type Span = { source: Source; start: number; end: number };

/** The place of a span: its first line only, and never less than one character long. */
export function placeOf(span: Span): Place {
  const { source } = span;
  source.lines ??= lineStarts(source.text);
  const start = Math.max(0, Math.min(span.start, source.text.length));
  const line = lineAt(source.lines, start);
  const first = source.lines[line - 1]!;
  const text = source.text.slice(first, source.lines[line] ?? source.text.length).replace(/\r?\n$/, '');
  const column = Math.min(start - first, text.length) + 1;
  const length = Math.max(1, Math.min(span.end - start, text.length - column + 1));
  return { file: source.file, line, column, length, text };
}

/** The beginning of a file of which nothing can be shown. */
export function fileStart(file: string): Place {
  return { file, line: 1, column: 1, length: 1, text: '' };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Number (from 1) of the line that holds the offset. */
function lineAt(starts: number[], offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A path as a person in the current directory would type it: relative when it lies below, else absolute. */
export function shownPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path === '..' || path.startsWith(`..${sep}`) ? file : path;
}

/** Appends a key to a JSON pointer, escaped as RFC 6901 says. */
export function childPointer(pointer: string, key: string | number): string {
  if (typeof key === 'number') return `${pointer}/${key}`;
  return `${pointer}/${/[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key}`;
}

/** The keys of a JSON pointer, unescaped; the root is the empty list. */
export function pointerKeys(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}
