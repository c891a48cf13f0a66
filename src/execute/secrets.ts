import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadSecret } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import type { SecretReference } from '../plan/resolved.ts';
import { redactor } from './redact.ts';

export type SecretHost = {
  /** Working directory of `command` secrets: the plan's. */
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** Told once a secret, e.g. that others may read its file. */
  warn?(message: string): void;
};

/** `read` gives '' for an optional secret that is not there; `redact` hides every value read so far. */
export type SecretReader = { read: ReadSecret; redact(text: string): string };

const fileLimit = 1024 * 1024;
const commandSeconds = 60;

/** Why a secret has no value, as a part of a sentence. An optional secret is simply absent then. */
class Absent extends Error {}

/**
 * Reads secrets at the moment of use and remembers them for the run. A required secret that is missing or empty is a
 * RunnerError; so is one that exists and cannot be read, optional or not.
 */
export function secretReader(references: Record<string, SecretReference>, host: SecretHost): SecretReader {
  const values = new Map<string, Promise<string>>();
  const { remember, redact } = redactor();
  const fetch = async (name: string): Promise<string> => {
    const reference = Object.hasOwn(references, name) ? references[name] : undefined;
    if (reference === undefined) throw new RunnerError(`The plan has no secret "${name}".`);
    try {
      const value = await resolve(name, reference, host);
      if (value === '') throw new Absent('it is empty');
      remember(name, value);
      return value;
    } catch (error) {
      if (!(error instanceof Absent)) throw error;
      if (reference.optional) return '';
      throw new RunnerError(`The secret "${name}" has no value: ${error.message}.`);
    }
  };
  const read = (name: string) => {
    const known = values.get(name) ?? fetch(name);
    values.set(name, known);
    // What failed may have been put right by the time that it is asked for again.
    known.catch(() => values.delete(name));
    return known;
  };
  return { read, redact };
}

async function resolve(name: string, reference: SecretReference, host: SecretHost): Promise<string> {
  if ('env' in reference) {
    const value = host.environment[reference.env];
    if (value === undefined) throw new Absent(`the environment variable ${reference.env} is not set`);
    return value;
  }
  if ('file' in reference) return await readFile(name, reference.file, host);
  if ('command' in reference) return await runCommand(name, reference.command, host);
  const directory = host.environment.CREDENTIALS_DIRECTORY;
  if (directory === undefined) {
    throw new Absent(`CREDENTIALS_DIRECTORY is not set, so systemd gave no credential "${reference.credential}"`);
  }
  return await readFile(name, join(directory, reference.credential), host);
}

async function readFile(name: string, path: string, host: SecretHost): Promise<string> {
  const fail = (error: NodeJS.ErrnoException): never => {
    if (error.code === 'ENOENT') throw new Absent(`its file ${path} does not exist`);
    const why = error.code === 'EACCES' ? 'permission denied' : error.code;
    throw new RunnerError(`The secret "${name}" cannot be read from ${path}: ${why}.`, { cause: error });
  };
  const handle = await open(path, 'r').catch(fail);
  try {
    const { mode, size } = await handle.stat();
    if (size > fileLimit) throw new RunnerError(`The secret "${name}" is not one: ${path} has ${size} bytes.`);
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      host.warn?.(`The secret "${name}" may be read by others: ${path} has mode ${shown}; chmod 600 would close it.`);
    }
    return withoutNewline(await handle.readFile('utf8').catch(fail));
  } finally {
    await handle.close();
  }
}

async function runCommand(name: string, argv: readonly string[], host: SecretHost): Promise<string> {
  const { execa } = await import('execa');
  const [file, ...rest] = argv as [string, ...string[]];
  const environment = Object.entries(host.environment).filter((entry) => entry[1] !== undefined);
  const result = await execa(file, rest, {
    cwd: host.directory,
    env: Object.fromEntries(environment) as Record<string, string>,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    stripFinalNewline: false,
    timeout: commandSeconds * 1000,
    maxBuffer: fileLimit,
  });
  if (!result.failed) return withoutNewline(result.stdout);
  const said = String(result.stderr ?? '')
    .trim()
    .slice(-300);
  throw new RunnerError(`The secret "${name}" cannot be read: "${file}" ${howItFailed(result)}${said && `: ${said}`}.`);
}

type Failure = {
  timedOut: boolean;
  code?: string | undefined;
  signal?: string | undefined;
  exitCode?: number | undefined;
};

function howItFailed(result: Failure): string {
  if (result.timedOut) return `gave no answer within ${commandSeconds} s`;
  if (result.code === 'ENOENT') return 'was not found';
  if (result.exitCode !== undefined) return `failed with exit code ${result.exitCode}`;
  return result.signal === undefined ? 'could not be run' : `was killed by ${result.signal}`;
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
