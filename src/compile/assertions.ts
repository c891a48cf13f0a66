import type { Argument, Command, Value } from '../command.ts';
import type { Question } from '../kind.ts';
import type { Configured, PlannedAssertion, PlannedBounds } from '../plan/resolved.ts';
import type { Assertion, Expect } from '../recipe.ts';
import { findSource } from '../registry.ts';
import { external } from './steps.ts';

/** Seconds that the command of an assertion may take. */
const assertionTimeout = 3600;

/** What answers the assertions of a plan, and where. */
export type Asked = {
  /** Its spec is the part's. */
  source: Configured;
  target: Argument;
  /** A command that asks the restored data. */
  ask(question: Question): Command;
  /** What the user's own programs are told beside RUNNER_TARGET. */
  environment?: Record<string, Value>;
  /** A question to the live source, for what the manifest keeps no answer of; null where it keeps one. */
  live?(question: Question): Command | null;
};

/** The assertions of a plan on data that was restored. */
export function compileAssertions(planned: PlannedAssertion[], asked: Asked): Assertion[] {
  return planned.map((assertion) => compileAssertion(assertion, asked));
}

/** What of an assertion asks the data itself; null for files and programs of the user's. */
export function questionIn(planned: PlannedAssertion): Question | null {
  if ('sql' in planned) return { sql: planned.sql };
  if ('key' in planned) return { key: planned.key };
  if ('collection' in planned) return { collection: planned.collection };
  return 'contents' in planned ? { contents: planned.contents } : null;
}

/** The name under which a manifest keeps the answer: `sql select 1`. */
export function questionName(question: Question): string {
  const [[name, text]] = Object.entries(question) as [[string, string]];
  return `${name} ${text}`;
}

/** Whether what comes back is compared with what the source said. */
export function comparesWithSource(planned: PlannedAssertion): boolean {
  return 'contents' in planned || ('compare' in planned && planned.compare === 'source');
}

function compileAssertion(planned: PlannedAssertion, asked: Asked): Assertion {
  const { source, target } = asked;
  if ('file' in planned) return fileAssertion(planned, source, target);
  const tolerance = planned.tolerance === undefined ? {} : { tolerance: planned.tolerance };
  const question = questionIn(planned);
  if ('contents' in planned) {
    const { contents } = planned;
    const command = { ...asked.ask({ contents }), timeout: assertionTimeout };
    const title = `${contents} of all contents = the source`;
    return { title, check: 'contents', command, contents, question: questionName({ contents }), ...tolerance };
  }
  const expect = bounds(planned);
  if ('count' in planned) {
    const pattern = planned.count;
    return { title: `count of ${pattern} ${words(expect)}`, check: 'count', directory: target, pattern, expect };
  }
  if ('command' in planned) {
    const command = external(planned.command, { RUNNER_TARGET: target, ...asked.environment }, assertionTimeout);
    const title = planned.command.join(' ');
    if (Object.keys(expect).length === 0) return { title, check: 'exit', command };
    return { title: `${title} ${words(expect)}`, check: 'output', command, expect };
  }
  if (!question) throw new Error('an assertion that asks nothing');
  const [name] = Object.values(question) as [string];
  const reference = expect.compare ? asked.live?.(question) : null;
  return {
    title: `${'sql' in planned ? name : questionName(question)} ${words(expect)}`,
    check: 'output',
    command: { ...asked.ask(question), timeout: assertionTimeout },
    expect,
    ...(expect.compare ? { question: questionName(question) } : {}),
    ...(reference ? { reference } : {}),
    ...tolerance,
  };
}

function fileAssertion(
  planned: Extract<PlannedAssertion, { file: string }>,
  source: Configured,
  target: Argument,
): Assertion {
  const whole = findSource(source.type).restores(source.spec) === 'file' && planned.file === '.';
  return {
    title: `file ${planned.file} ${planned.exists ? 'exists' : 'does not exist'}`,
    check: 'file',
    path: whole ? target : { join: [target, '/', planned.file] },
    exists: planned.exists,
    ...(planned.size ? { size: bounds(planned.size) } : {}),
    ...(planned.sha256 ? { sha256: planned.sha256 } : {}),
  };
}

function bounds(planned: PlannedBounds): Expect {
  const { equals, atLeast, atMost, compare } = planned;
  return {
    ...(equals === undefined ? {} : { equals }),
    ...(atLeast === undefined ? {} : { atLeast }),
    ...(atMost === undefined ? {} : { atMost }),
    ...(compare === undefined ? {} : { compare }),
  };
}

function words(expect: Expect): string {
  const parts = [
    expect.equals === undefined ? '' : `= ${expect.equals}`,
    expect.atLeast === undefined ? '' : `>= ${expect.atLeast}`,
    expect.atMost === undefined ? '' : `<= ${expect.atMost}`,
    expect.compare === undefined ? '' : '= the source',
  ];
  return parts.filter(Boolean).join(' and ');
}
