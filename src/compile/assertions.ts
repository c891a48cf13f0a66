import type { Argument, Assertion, Expect } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { Configured, PlannedAssertion, PlannedBounds } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';
import { external, queryLive } from './steps.ts';

/** Seconds that the command of an assertion may take. */
const assertionTimeout = 3600;

/** The assertions of a plan on data that was restored at `target`. */
export function compileAssertions(
  planned: PlannedAssertion[],
  source: Configured,
  target: Argument,
  facts: Facts,
): Assertion[] {
  return planned.map((assertion) => compileAssertion(assertion, source, target, facts));
}

function compileAssertion(planned: PlannedAssertion, source: Configured, target: Argument, facts: Facts): Assertion {
  if ('file' in planned) return fileAssertion(planned, source, target);
  if ('contents' in planned) throw new Error('an assertion that is not built');
  const expect = bounds(planned);
  if ('count' in planned) {
    const pattern = planned.count;
    return { title: `count of ${pattern} ${words(expect)}`, check: 'count', directory: target, pattern, expect };
  }
  if ('command' in planned) {
    const command = external(planned.command, { RUNNER_TARGET: target }, assertionTimeout);
    const title = planned.command.join(' ');
    if (Object.keys(expect).length === 0) return { title, check: 'exit', command };
    return { title: `${title} ${words(expect)}`, check: 'output', command, expect };
  }
  const kind = findSource(source.type);
  if (!('sql' in planned)) throw new Error('an assertion that is not built');
  if (!kind.ask) throw new Error(`a source of type ${source.type} answers no sql although the plan was validated`);
  return {
    title: `${planned.sql} ${words(expect)}`,
    check: 'output',
    command: { ...kind.ask(source.spec, { sql: planned.sql }, { path: target }, facts), timeout: assertionTimeout },
    expect,
    ...(expect.compare ? { reference: queryLive(source, planned.sql, facts) } : {}),
    ...(planned.tolerance === undefined ? {} : { tolerance: planned.tolerance }),
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
