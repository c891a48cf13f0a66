import { Composer, CST, type Document, Lexer, Parser } from 'yaml';
import type { Diagnostic } from '../diagnostic.ts';
import { bounds } from './bounds.ts';
import { explain } from './load-messages.ts';
import { fileStart, placeOf, type Source } from './position.ts';

/** How a variable begins. */
const variable = '$' + '{';

/** More complaints than these follow from the first ones. */
const shownErrors = 10;

/**
 * Reads the one YAML document of a source, as YAML 1.2's core schema understands it: `yes`, `no`, `on` and dates are
 * texts, `0600` is the number 600. Bounds are counted on the lexer's tokens, before anything is composed: `yaml`
 * ends the process on a document that is too deep, and its own search for equal keys is quadratic.
 */
export function readDocument(source: Source): { document: Document.Parsed | null; diagnostics: Diagnostic[] } {
  const read = readTokens(source);
  if ('rule' in read) return { document: null, diagnostics: [read] };
  const composer = new Composer({ schema: 'core', merge: false, uniqueKeys: false, resolveKnownTags: false });
  const document = compose(composer, read.tokens, source.text.length);
  const diagnostics = syntaxErrors(source, document!, read);
  if (diagnostics.length > 0) return { document: null, diagnostics };
  if (read.tokens.some((token) => token.type === 'document')) return { document: document!, diagnostics };
  const message = 'this file holds only comments';
  const expected = 'a plan, which begins with `version: 1`';
  const empty: Diagnostic = { rule: 'file', severity: 'error', message, expected, place: fileStart(source.file) };
  return { document: null, diagnostics: [empty] };
}

/** `yaml` makes an error object of each complaint; without stacks, which nobody reads, a heap of junk costs little. */
function compose(composer: Composer, tokens: CST.Token[], end: number): Document.Parsed {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    const [document] = composer.compose(tokens, true, end) as Iterable<Document.Parsed>;
    return document!;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** `openQuotes`: where texts begin that are quoted and do not end so. */
type Read = { tokens: CST.Token[]; openQuotes: number[]; brackets: Bracket[] };

/** Where a { or [ stands, and where it is closed. */
type Bracket = { start: number; end: number };

function readTokens(source: Source): Read | Diagnostic {
  const parser = new Parser();
  const read: Read = { tokens: [], openQuotes: [], brackets: [] };
  const open: Bracket[] = [];
  const count: Count = { tokens: 0, entries: 0, aliases: 0 };
  let documents = 0;
  let isText = false;
  const lexer = new Lexer().lex(source.text);
  for (let next = lexer.next(); ; next = lexer.next()) {
    const problem = next.done || isText ? undefined : refuse(next.value, count, parser.stack);
    if (problem) return complain(source, parser.offset, next.value!.length, problem);
    if (!next.done && !isText && /^(?:"(?:.*[^"])?|'(?:.*[^'])?)$/s.test(next.value))
      read.openQuotes.push(parser.offset);
    if (!next.done && !isText) noteBracket(next.value, parser.offset, open, read.brackets);
    isText = !isText && next.value === CST.SCALAR;
    for (const token of next.done ? parser.end() : parser.next(next.value)) {
      read.tokens.push(token);
      if (token.type === 'document' && ++documents > 1) return secondDocument(source, token.offset);
    }
    if (next.done) return read;
  }
}

function noteBracket(lexeme: string, offset: number, open: Bracket[], all: Bracket[]): void {
  if (lexeme === '{' || lexeme === '[') {
    const bracket = { start: offset, end: Number.POSITIVE_INFINITY };
    open.push(bracket);
    all.push(bracket);
  } else if (lexeme === '}' || lexeme === ']') {
    const closed = open.pop();
    if (closed) closed.end = offset;
  }
}

type Count = { tokens: number; entries: number; aliases: number };

type Refusal = { message: string; expected?: string };

/** Counts one token that is not text; the reason why reading ends here, if it does. */
function refuse(lexeme: string, count: Count, stack: CST.Token[]): Refusal | undefined {
  if (++count.tokens > bounds.tokens) return { message: `this plan has more than ${bounds.tokens} words and marks` };
  switch (lexeme[0]) {
    case ':':
    case '-':
    case ',':
      if (lexeme.length === 1 && ++count.entries > bounds.entries)
        return { message: `this plan has more than ${bounds.entries} entries` };
      break;
    case '*':
      if (++count.aliases > bounds.aliases) return { message: `this plan uses more than ${bounds.aliases} aliases` };
      break;
    case '!':
      return { message: 'a plan has no tags', expected: 'quotes around a text that begins with !' };
    case '%':
      if (!/^%YAML\s+1\.2\s*$/.test(lexeme)) return { message: 'a plan has no directives but `%YAML 1.2`' };
  }
  const top = stack.at(-1);
  if (stack.length - 1 > bounds.depth && top && 'items' in top)
    return { message: `maps and lists stand more than ${bounds.depth} deep inside each other` };
  return undefined;
}

function secondDocument(source: Source, offset: number): Diagnostic {
  const expected = 'one plan a file; `extends` shares parts between plans';
  return complain(source, offset, 3, { message: 'a second YAML document begins here', expected });
}

function complain(source: Source, start: number, length: number, refusal: Refusal): Diagnostic {
  return { rule: 'yaml', severity: 'error', ...refusal, place: placeOf({ source, start, end: start + length }) };
}

/** A text that is not closed is marked where it was opened, a line that is badly indented where it begins to say something. */
function whereItBegan({ text }: Source, offset: number, message: string, { openQuotes, brackets }: Read): number {
  if (/^Flow (?:map|sequence) in block|end with a [}\]]/.test(message))
    return brackets.findLast(({ start, end }) => start < offset && end >= offset)?.start ?? offset;
  if (message.startsWith('Missing closing')) return openQuotes.findLast((start) => start <= offset) ?? offset;
  let start = offset;
  while (text[start] === ' ') start += 1;
  return start;
}

/** Complaints about whole lines, which one mistake draws from every line after it. */
const followUps = new Set<string>(['BAD_INDENT', 'UNEXPECTED_TOKEN', 'BLOCK_IN_FLOW']);

/** Where the first line begins that is indented less than the one that is wrong: there another part of the plan begins. */
function endOfBlock(text: string, offset: number, indent: number): number {
  for (let at = text.indexOf('\n', offset); at !== -1; at = text.indexOf('\n', at + 1)) {
    const width = text.slice(at + 1).search(/[^ \t]/);
    if (width !== -1 && width < indent && !/[\r\n#]/.test(text[at + 1 + width]!)) return at + 1;
  }
  return text.length;
}

/** The errors of a document, one a line: what follows on the same line comes of the first. */
function syntaxErrors(source: Source, document: Document.Parsed, read: Read): Diagnostic[] {
  const errors = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  const found: Diagnostic[] = [];
  let last = 0;
  let blockEnd = 0;
  for (const { code, message, pos } of errors) {
    const start = whereItBegan(source, pos[0], message, read);
    const diagnostic = complain(source, start, pos[1] - pos[0], explain(code, message));
    const { line, column, text } = diagnostic.place!;
    const isWhole = column === text.search(/\S|$/) + 1;
    if (line === last) continue;
    if (isWhole && start < blockEnd && followUps.has(code)) {
      last = line;
      continue;
    }
    if (found.length === shownErrors) break;
    last = line;
    blockEnd = endOfBlock(source.text, start, text.search(/\S|$/));
    const bracket = text.search(/[[{,]/);
    if (bracket !== -1 && text.includes(variable, bracket))
      diagnostic.expected = `quotes around a value with \${…} inside { } or [ ]`;
    found.push(diagnostic);
  }
  return found;
}
