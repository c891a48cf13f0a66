import { constants } from 'node:fs';
import { access, open, readdir, stat } from 'node:fs/promises';
import type { ReadSecret } from '../../destination.ts';
import type { Requirement } from '../../graph.ts';
import { findProgram } from '../../programs.ts';
import { faultOf } from '../blame.ts';
import type { Ended } from '../launch.ts';
import { codeOf, textOf } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Need<Name extends Requirement['need']> = Extract<Requirement, { need: Name }>;

/** OpenSSL reads the first line of a passphrase and at most this many bytes of it, and tells nobody of the rest. */
const longestPassphrase = 1023;

/** Each returns one sentence (what, why, what to do), or null when the requirement is met. */
export function programProblem({ program, why, hint }: Need<'program'>, environment: Environment): string | null {
  return findProgram(program, environment) ? null : `the program ${program} is missing: ${why}; ${hint}`;
}

export async function pathProblem(need: Need<'path'>): Promise<string | null> {
  const { path, what, why } = need;
  try {
    const status = await stat(path);
    if (what === 'file' && !status.isFile()) return `${path} is not a file: ${why}`;
    if (what === 'directory' && !status.isDirectory()) return `${path} is not a directory: ${why}`;
    if (status.isDirectory()) {
      const entries = await readdir(path);
      return need.notEmpty && entries.length === 0 ? `${path} is an empty directory: ${why}` : null;
    }
    await access(path, constants.R_OK);
    if (need.notEmpty && status.isFile() && status.size === 0) return `${path} is an empty file: ${why}`;
    if (need.header !== undefined && !(await startsWith(path, need.header)))
      return `${path} does not begin as it should, so it is not what the plan takes it for: ${why}`;
    return null;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return `${path} does not exist: ${why}`;
    if (codeOf(error) === 'EACCES') return `${path} may not be read by this user: ${why}`;
    return `${path} cannot be read (${textOf(error)}): ${why}`;
  }
}

async function startsWith(path: string, header: string): Promise<boolean> {
  const wanted = Buffer.from(header, 'latin1');
  const handle = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(wanted.length), 0, wanted.length, 0);
    return buffer.subarray(0, bytesRead).equals(wanted);
  } finally {
    await handle.close();
  }
}

/** Seconds that a check may take when it says nothing. */
export const checkTime = 10;

export type Checked = { problems: string[]; warnings: string[] };

/** What a check printed: problems, and warnings marked as such. One that says nothing and fails is a problem itself. */
export function checkFindings(title: string, ended: Ended & { stdout: string }): Checked {
  const lines = ended.stdout.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const warnings = lines.flatMap((line) => (line.startsWith(warningMark) ? [line.slice(warningMark.length)] : []));
  const problems = lines.filter((line) => !line.startsWith(warningMark));
  const fault = problems.length === 0 ? faultOf([ended]) : null;
  return { problems: fault ? [`${title}: ${fault.message}`] : problems, warnings };
}

/** What was found when the facts were read; a warning is marked as those of a check are. */
export function foundFindings(problem: string): Checked {
  if (!problem.startsWith(warningMark)) return { problems: [problem], warnings: [] };
  return { problems: [], warnings: [problem.slice(warningMark.length)] };
}

const warningMark = 'warning: ';

export async function secretProblem({ secret, why, format }: Need<'secret'>, read: ReadSecret): Promise<string | null> {
  try {
    const problem = wrongForm(await read(secret), format);
    return problem === null ? null : `the secret "${secret}" ${problem}: ${why}`;
  } catch (error) {
    return `${textOf(error)} (${why})`;
  }
}

function wrongForm(text: string, format: Need<'secret'>['format']): string | null {
  if (format === undefined) return null;
  if (/[\n\r]/.test(text)) return 'holds a line break, and only its first line would be used';
  if (text.includes('\0')) return 'holds a NUL byte';
  if (format === 'line') return null;
  if (text === '') return 'is empty, and an empty passphrase protects nothing';
  const length = Buffer.byteLength(text);
  return length > longestPassphrase
    ? `is ${length} bytes long, and openssl would use the first ${longestPassphrase} only`
    : null;
}
