/** Looks through a file while it passes for what must not come into a history that everybody keeps for ever. */
import { assignmentsIn, type Language } from './assignments.ts';
import { languageOf, placesIn, storesIn } from './file-names.ts';
import { ArmouredKeys, tokensIn } from './tokens.ts';
import { isReference } from './values.ts';

/** `line` 0: the file as a whole, by its name. */
export type Suspicion = { path: string; line: number; kind: string };

/** A line is looked at in windows of this many characters, which overlap. */
const window = 64 * 1024;
const overlap = 4 * 1024;
/** So many findings in one file say enough. */
const enough = 20;

/** `path` as text for a person. Feed it the content in pieces of any size, then `end` it. */
export class SecretScan {
  readonly found: Suspicion[] = [];
  private readonly language: Language;
  private readonly armoured = new ArmouredKeys();
  private rest = '';
  private line = 1;
  private encoding: 'bytes' | 'wide' | null = null;
  private isBinary = false;

  constructor(private readonly path: string) {
    this.language = languageOf(path);
  }

  take(bytes: Buffer): void {
    if (this.found.length >= enough) return;
    if (this.encoding === null) this.look(bytes);
    let text = this.rest + bytes.toString('latin1');
    // Two bytes a character, as Windows writes it; and what lies between zeros in a program.
    if (this.encoding === 'wide') text = text.replaceAll('\0', '');
    const lines = text.split(/\r?\n/);
    this.rest = lines.pop()!;
    for (const line of lines) {
      this.check(line);
      this.line += 1;
    }
    while (this.rest.length > window) {
      this.check(this.rest.slice(0, window));
      this.rest = this.rest.slice(window - overlap);
    }
  }

  end(size: number): Suspicion[] {
    if (this.rest !== '') this.check(this.rest);
    if (size > 0) for (const kind of storesIn(this.path)) this.add(kind, 0);
    return this.found;
  }

  private look(bytes: Buffer): void {
    const first = bytes.subarray(0, 8192);
    const isWide = first.length > 1 && (first.readUInt16LE(0) === 0xfeff || first.readUInt16LE(0) === 0xfffe);
    this.encoding = isWide ? 'wide' : 'bytes';
    this.isBinary = !isWide && first.includes(0);
  }

  private check(text: string): void {
    for (let at = 0; at === 0 || at < text.length - overlap; at += window - overlap) {
      const part = text.length > window ? text.slice(at, at + window) : text;
      for (const kind of this.kindsIn(part)) this.add(kind, this.line);
      const key = this.armoured.take(part, this.line);
      if (key !== null) this.add('a private key', key);
    }
  }

  private kindsIn(text: string): string[] {
    if (text.length < 4) return [];
    const tokens = tokensIn(text, isReference);
    // A program has `password=%s` in it; only what cannot be chance counts there.
    if (tokens.length > 0 || this.isBinary) return tokens;
    const placed = placesIn(this.path, text);
    return placed.length > 0 ? placed : assignmentsIn(text, this.language);
  }

  private add(kind: string, line: number): void {
    const known = this.found.some((one) => one.line === line && one.kind === kind);
    if (!known && this.found.length < enough) this.found.push({ path: this.path, line, kind });
  }
}

/** What the name of a file itself gives away. */
export function secretInName(path: string): string | null {
  return tokensIn(path, isReference)[0] ?? null;
}
