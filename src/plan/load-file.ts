import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Diagnostic } from '../diagnostic.ts';
import { bounds } from './bounds.ts';
import { fileStart, placeOf, type Source, type Span, shownPath } from './position.ts';

/**
 * Reads a plan file as text, or says in one sentence why that cannot be done. `from` is the place that named the
 * file (an `extends`); a file that cannot be opened has no better one.
 */
export function readSource(file: string, from?: Span): Source | Diagnostic {
  let bytes: Buffer;
  try {
    bytes = readBytes(file);
  } catch (error) {
    const message = unreadable(file, error as NodeJS.ErrnoException);
    return { rule: 'file', severity: 'error', message, ...(from && { place: placeOf(from) }) };
  }
  return decode(file, bytes);
}

/** At most one byte more than a plan may have, so that a device without an end cannot fill the memory. */
function readBytes(file: string): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
    // The size of a pipe says nothing.
    const room = stat.isFile() ? Math.min(stat.size, bounds.bytes) : bounds.bytes;
    const bytes = Buffer.allocUnsafe(room + 1);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(descriptor, bytes, length, bytes.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(file: string, error: NodeJS.ErrnoException): string {
  const path = shownPath(file);
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no file ${path}`;
    case 'EISDIR':
      return `${path} is a directory, not a plan file`;
    case 'EACCES':
    case 'EPERM':
      return `${path} cannot be read: this user has no permission`;
    default:
      return `${path} cannot be read: ${error.code ?? error.message}`;
  }
}

function decode(file: string, bytes: Buffer): Source | Diagnostic {
  if (bytes.length > bounds.bytes) return atStart(file, 'this file is larger than 1 MiB, the most a plan may have');
  const mark = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  if (mark === 0xfeff || mark === 0xfffe) return atStart(file, 'this file is UTF-16', 'a plan saved as UTF-8');
  if (bytes.includes(0)) return atStart(file, 'this is a binary file, not a plan');
  if (!isUtf8(bytes)) return badByte(file, bytes);
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const source: Source = { file, text };
  // YAML allows none of these, and a terminal that is shown them may obey them. A lone carriage return is a line end
  // to some programs and not to others, so that line numbers would differ.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const control = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)/.exec(text);
  if (control) return badCharacter(source, control.index);
  if (/^[\s\u00a0]*$/.test(text)) return atStart(file, 'this file is empty', 'a plan, which begins with `version: 1`');
  return source;
}

function atStart(file: string, message: string, expected?: string): Diagnostic {
  return { rule: 'file', severity: 'error', message, ...(expected && { expected }), place: fileStart(file) };
}

/** Names the first byte that is not UTF-8: the first replacement character that the file itself does not hold. */
function badByte(file: string, bytes: Buffer): Diagnostic {
  const text = bytes.toString('utf8');
  let at = text.indexOf('\uFFFD');
  let offset = Buffer.byteLength(text.slice(0, at));
  while (bytes.subarray(offset, offset + 3).toString('hex') === 'efbfbd') {
    const next = text.indexOf('\uFFFD', at + 1);
    offset += Buffer.byteLength(text.slice(at, next));
    at = next;
  }
  const mark = text.startsWith('\uFEFF') ? 1 : 0;
  const source = { file, text: text.slice(mark) };
  return {
    rule: 'file',
    severity: 'error',
    message: `the byte 0x${bytes[offset]!.toString(16).toUpperCase().padStart(2, '0')} is not UTF-8`,
    expected: 'a plan saved as UTF-8',
    place: placeOf({ source, start: at - mark, end: at - mark + 1 }),
  };
}

function badCharacter(source: Source, index: number): Diagnostic {
  const code = source.text.charCodeAt(index);
  const message =
    code === 0x0d
      ? 'a carriage return stands without a line feed'
      : `the control character U+${code.toString(16).toUpperCase().padStart(4, '0')} cannot stand in a plan`;
  const expected = code === 0x0d ? 'lines that end in LF or CRLF' : 'text';
  return {
    rule: 'file',
    severity: 'error',
    message,
    expected,
    place: placeOf({ source, start: index, end: index + 1 }),
  };
}
