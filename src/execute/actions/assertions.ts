import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { render } from '../../bind.ts';
import type { Command } from '../../command.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { Assertion, Expect } from '../../recipe.ts';
import { faultOf } from '../pipeline.ts';
import type { PerformContext } from '../task-context.ts';
import { contentsProblem, partsIn } from './contents.ts';
import type { RunContext } from './context.ts';
import { countFiles, countNames } from './count-files.ts';
import { exists } from './directory.ts';
import { type Programs, programsOf } from './programs.ts';
import { Unproven } from './unproven.ts';

/** Data that was restored or read is not what the plan says it must be. Anything else is a fault of the machine. */
export class AssertionFailed extends RunnerError {
  override readonly name = 'AssertionFailed';
}

/** What the source answered when the backup was made, by question, as the manifest keeps it. */
export type Answers = Readonly<Record<string, string>>;

/** Bytes that the answer to a question about the whole contents may have. */
export const longestAnswer = 16 * 1024 * 1024;

/**
 * Checks all of them and throws one AssertionFailed that names each that does not hold, or Unproven where there is nothing to
 * compare with. Returns what each one gave.
 */
export async function assertAll(
  assertions: readonly Assertion[],
  run: RunContext,
  context: PerformContext,
  answers: Answers = {},
): Promise<Record<string, string>> {
  const programs = programsOf(run, context);
  const values: Record<string, string> = {};
  const failed: string[] = [];
  for (const assertion of assertions) {
    const found = await check(assertion, programs, context, answers);
    values[assertion.title] = found.value;
    if (found.problem !== null) failed.push(`${assertion.title}: ${found.problem}`);
  }
  if (failed.length > 0) throw new AssertionFailed(failed.join('; '));
  return values;
}

type Found = { value: string; problem: string | null };

async function check(
  assertion: Assertion,
  programs: Programs,
  context: PerformContext,
  answers: Answers,
): Promise<Found> {
  switch (assertion.check) {
    case 'exit': {
      const { problem } = await outputOf(assertion.command, programs);
      return { value: problem === null ? 'exit 0' : 'failed', problem };
    }
    case 'output':
      return await checkOutput(assertion, programs, answers);
    case 'contents':
      return await checkContents(assertion, programs, answers);
    case 'count': {
      const { directory, names, pattern = '**' } = assertion;
      const count = String(
        names
          ? countNames((await programs.run(names, { maxOutput: longestAnswer })).stdout, pattern)
          : await countFiles(render(directory, context.lookup), pattern),
      );
      return { value: count, problem: compare(count, assertion.expect) };
    }
    case 'file':
      return await checkFile(
        assertion,
        assertion.look
          ? await fileThere(assertion.look, programs)
          : await fileHere(render(assertion.path, context.lookup)),
      );
  }
}

async function checkOutput(
  assertion: Extract<Assertion, { check: 'output' }>,
  programs: Programs,
  answers: Answers,
): Promise<Found> {
  const { command, expect, question, reference, tolerance = 0 } = assertion;
  const { value, problem: broken } = await outputOf(command, programs);
  if (broken !== null) return { value, problem: broken };
  const problem = compare(value, expect);
  if (problem !== null || (question === undefined && !reference)) return { value, problem };
  const kept = question === undefined ? undefined : keptAnswer(answers, question);
  if (kept === undefined && !reference) throw nothingKept();
  const wanted = kept ?? (await programs.run(reference!)).stdout.trim();
  return { value, problem: differs(value, wanted, tolerance) };
}

async function checkContents(
  { command, contents, question, tolerance = 0 }: Extract<Assertion, { check: 'contents' }>,
  programs: Programs,
  answers: Answers,
): Promise<Found> {
  const kept = keptAnswer(answers, question);
  if (kept === undefined) throw nothingKept();
  const { value, problem } = await outputOf(command, programs);
  const told = `${partsIn(value)} of ${partsIn(kept)}`;
  return { value: told, problem: problem ?? contentsProblem(contents, value, kept, tolerance) };
}

function keptAnswer(answers: Answers, question: string): string | undefined {
  return Object.hasOwn(answers, question) ? answers[question] : undefined;
}

function nothingKept(): Unproven {
  return new Unproven(
    'its manifest does not say what the source held (it was made before the plan compared with the source, or the source did not answer): make a new backup',
  );
}

/** A program that says no speaks of the data; one that could not be started or ran out of time says nothing of it. */
async function outputOf(command: Command, programs: Programs): Promise<Found> {
  const finished = await programs.attempt(command, { maxOutput: longestAnswer });
  const fault = faultOf([finished]);
  if (fault && finished.fault) throw fault;
  return { value: finished.stdout.trim(), problem: fault?.message ?? null };
}

/** Null where nothing is. */
type FoundFile = { size: string; sha256(): Promise<string> } | null;

async function fileHere(path: string): Promise<FoundFile> {
  if (!(await exists(path))) return null;
  return { size: String((await lstat(path)).size), sha256: () => hashFile(path) };
}

async function fileThere(look: Command, programs: Programs): Promise<FoundFile> {
  const [size = '', sha256 = ''] = (await programs.run(look)).stdout.trim().split(' ');
  return size === 'absent' ? null : { size, sha256: async () => sha256 };
}

async function checkFile(assertion: Extract<Assertion, { check: 'file' }>, found: FoundFile): Promise<Found> {
  const there = found !== null;
  if (there !== assertion.exists) return { value: String(there), problem: there ? 'it exists' : 'it does not exist' };
  if (!there) return { value: 'absent', problem: null };
  const { size } = found;
  const wrongSize = assertion.size ? compare(size, assertion.size) : null;
  if (wrongSize !== null) return { value: size, problem: `its size: ${wrongSize}` };
  if (assertion.sha256 === undefined) return { value: size, problem: null };
  const sha256 = await found.sha256();
  const same = sha256 === assertion.sha256.toLowerCase();
  return { value: sha256, problem: same ? null : `its SHA-256 is ${sha256}, expected ${assertion.sha256}` };
}

/** SHA-256 (hex) of a file. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** What is wrong with a value, or null. Several rows of output are one text with line breaks. */
export function compare(value: string, expect: Expect): string | null {
  const { equals, atLeast, atMost } = expect;
  if (equals !== undefined && !equal(value, equals)) return `it is ${shown(value)}, expected ${equals}`;
  if (atLeast === undefined && atMost === undefined) return null;
  const number = numberIn(value);
  if (number === null) return `it is ${shown(value)}, which is no number`;
  if (atLeast !== undefined && number < atLeast) return `it is ${shown(value)}, expected at least ${atLeast}`;
  if (atMost !== undefined && number > atMost) return `it is ${shown(value)}, expected at most ${atMost}`;
  return null;
}

function equal(value: string, expected: string | number): boolean {
  return value === String(expected) || (typeof expected === 'number' && numberIn(value) === expected);
}

/** `tolerance` is a fraction of the source's own value; without one, texts must be equal. */
function differs(value: string, reference: string, tolerance: number): string | null {
  if (value === reference) return null;
  const [restored, live] = [numberIn(value), numberIn(reference)];
  if (restored !== null && live !== null && Math.abs(restored - live) <= Math.abs(live) * tolerance) return null;
  return `it is ${shown(value)}, the source had ${shown(reference)}`;
}

function numberIn(text: string): number | null {
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : null;
}

function shown(text: string): string {
  const line = text.replaceAll('\n', ' ⏎ ');
  return line === '' ? 'empty' : line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
