/** The environment variables that a plan may use; handed in, never read from the process here. */
export type Environment = Record<string, string | undefined>;

/** A mistake in a text with variables: `index` and `length` within that text. */
export type Fault = { index: number; length: number; message: string; expected?: string };

/** `substituted`: at least one variable took part, so the text may stand for a number or a boolean. */
export type Interpolated = { value: string; substituted: boolean; faults: Fault[] };

type Part = string | Variable;

type Variable = { index: number; length: number; name: string; operator: string; rest: Part[] };

/** Defaults inside defaults: deeper ones nobody can read. */
const deepest = 8;

const forms = `\${NAME}, \${NAME:-default} or \${NAME:?message}`;

/**
 * Replaces variables as Compose does: `${NAME}` must be set; `${NAME:-default}` takes the default when it is unset or
 * empty, `${NAME-default}` only when unset; `${NAME:?message}` and `${NAME?message}` fail likewise with the message;
 * `$$` is a dollar sign. A default may hold variables itself. Any other dollar sign is a fault, so that nothing is
 * passed on that looks replaced and is not. `room` bounds the length of the result.
 */
export function interpolate(text: string, environment: Environment, room: number): Interpolated {
  const reading: Reading = { text, at: 0, faults: [] };
  const parts = readParts(reading, 0);
  const faults = reading.faults;
  const value = evaluate(parts, { environment, faults, room });
  if (value.length > room && faults.length === 0)
    faults.push({ index: 0, length: text.length, message: 'with its variables this plan grows larger than 1 MiB' });
  return { value, substituted: parts.some((part) => typeof part !== 'string'), faults };
}

type Reading = { text: string; at: number; faults: Fault[] };

/** Reads to the end of the text, or below the top level to the `}` that closes the variable. */
function readParts(reading: Reading, depth: number): Part[] {
  const { text } = reading;
  const special = depth === 0 ? /\$/g : /[$}]/g;
  const parts: Part[] = [];
  while (reading.at < text.length) {
    special.lastIndex = reading.at;
    const next = special.exec(text)?.index ?? text.length;
    if (next > reading.at) parts.push(text.slice(reading.at, next));
    reading.at = next;
    if (next === text.length || text[next] === '}') break;
    const part = readDollar(reading, depth);
    if (part !== null) parts.push(part);
  }
  return parts;
}

function readDollar(reading: Reading, depth: number): Part | null {
  const { text, at } = reading;
  if (text[at + 1] === '$') {
    reading.at += 2;
    return '$';
  }
  if (text[at + 1] === '{') return readVariable(reading, depth);
  const name = /^\$([A-Za-z_]\w*)/.exec(text.slice(at, at + 256))?.[1];
  const expected = name ? `\${${name}} for the variable, $$ for a dollar sign` : '$$ for a dollar sign';
  fault(reading, at, 1 + (name?.length ?? 0), 'a dollar sign stands alone', expected);
  reading.at += 1 + (name?.length ?? 0);
  return null;
}

function readVariable(reading: Reading, depth: number): Variable | null {
  const { text, at: index } = reading;
  if (depth === deepest) {
    faultOnce(reading, index, 2, `defaults stand more than ${deepest} deep inside each other`);
    reading.at += 2;
    return null;
  }
  const [, name, operator] = /^([^:?}$+=-]*)(:-|:\?|-|\?)?/.exec(text.slice(index + 2)) as unknown as [
    string,
    string,
    string?,
  ];
  reading.at = index + 2 + name.length + (operator?.length ?? 0);
  const begin = reading.at;
  const rest = readParts(reading, depth + 1);
  if (reading.at >= text.length) {
    faultOnce(reading, index, lineLength(text, index), unclosed, 'a }');
    return null;
  }
  const empty = reading.at === begin;
  reading.at += 1;
  const length = reading.at - index;
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    fault(reading, index, length, `"${name}" is no name of a variable`, forms);
    return null;
  }
  if (operator === undefined && !empty) {
    fault(reading, index, length, `"${text.slice(begin, reading.at - 1)}" cannot follow the name of a variable`, forms);
    return null;
  }
  return { index, length, name, operator: operator ?? '', rest };
}

const unclosed = `a \${ is not closed`;

/** For what makes everything around it faulty too: the innermost one is told. */
function faultOnce(reading: Reading, index: number, length: number, message: string, expected?: string): void {
  if (reading.faults.some((earlier) => earlier.message === message)) return;
  fault(reading, index, length, message, expected);
}

function lineLength(text: string, index: number): number {
  const end = text.indexOf('\n', index);
  return (end === -1 ? text.length : end) - index;
}

type Evaluation = { environment: Environment; faults: Fault[]; room: number };

/** Stops soon after the result has outgrown its room: a short plan may name a long variable many times. */
function evaluate(parts: Part[], evaluation: Evaluation): string {
  let value = '';
  for (const part of parts) {
    value += typeof part === 'string' ? part : resolveVariable(part, evaluation);
    if (value.length > evaluation.room) break;
  }
  return value;
}

function resolveVariable({ index, length, name, operator, rest }: Variable, evaluation: Evaluation): string {
  const { environment, faults } = evaluation;
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value !== undefined && !(value === '' && operator.startsWith(':'))) return value;
  if (operator.endsWith('-')) return evaluate(rest, evaluation);
  const state = value === undefined ? 'is not set' : 'is empty';
  if (operator === '') {
    const expected = `a value in the environment, or a default: \${${name}:-default}`;
    faults.push({ index, length, message: `the variable ${name} ${state}`, expected });
  } else {
    const message = evaluate(rest, evaluation);
    faults.push({ index, length, message: `the variable ${name} ${state}${message && `: ${message}`}` });
  }
  return '';
}

function fault(reading: Reading, index: number, length: number, message: string, expected?: string): void {
  reading.faults.push({ index, length, message, ...(expected && { expected }) });
}
