/** Looks for programs on PATH and asks them for their versions. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { ProgramFact } from './kind.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds that a program may take to tell its version. */
const versionTime = 5_000;

/** Absolute path of an executable file called `name` on PATH, or null. */
export function findProgram(name: string, environment: Environment): string | null {
  if (name.includes('/')) return isExecutable(name) ? name : null;
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Facts of the named programs; `version` is the first line that each prints of itself, empty when it prints none. */
export async function programFacts(
  names: readonly string[],
  environment: Environment,
): Promise<Record<string, ProgramFact>> {
  const facts = [...new Set(names)].toSorted().map(async (name): Promise<[string, ProgramFact]> => {
    const path = findProgram(name, environment);
    return [name, path === null ? null : { path, version: await versionOf(name, path, environment) }];
  });
  return Object.fromEntries(await Promise.all(facts));
}

function versionOf(name: string, path: string, environment: Environment): Promise<string> {
  // openssl knows no --version before its third major version.
  const flag = name === 'openssl' ? 'version' : '--version';
  const env = { PATH: environment.PATH ?? '', HOME: environment.HOME ?? '/', LC_ALL: 'C' };
  return new Promise((resolve) => {
    execFile(path, [flag], { env, timeout: versionTime, encoding: 'utf8' }, (_error, stdout, stderr) => {
      resolve((stdout || stderr).split('\n', 1)[0]?.trim() ?? '');
    });
  });
}
