/** Looks for programs on PATH and asks them for their versions. */
import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Place } from './command.ts';
import type { ReadSecret } from './destination.ts';
import { faultOf } from './execute/blame.ts';
import type { Connections } from './execute/connections.ts';
import { runOutside } from './execute/remote-run.ts';
import type { ProgramFact } from './kind.ts';
import { readSite, type Site, siteWords } from './site-script.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Milliseconds that a program may take to tell its version: a plan must not become another one because the machine is busy. */
const versionTime = 15_000;

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
  const options = { env, timeout: versionTime, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
  return new Promise((resolve) => {
    execFile(path, [flag], options, (_error, stdout, stderr) => {
      resolve((stdout || stderr).split('\n', 1)[0]?.trim() ?? '');
    });
  });
}

export type { Site } from './site-script.ts';
export type SiteHost = {
  environment: Environment;
  directory?: string;
  readSecret?: ReadSecret;
  /** Ways to other places that are kept open; absent: each question makes its own. */
  connections?: Connections;
};

/** Seconds in which a place must tell what it has. */
const siteTime = 30;

/**
 * What is found at a place, null: here. `folders` are looked through after PATH; `*` is one part of a path. Rejects with a
 * RunnerError where the place cannot be reached.
 */
export async function siteFacts(
  names: readonly string[],
  folders: readonly string[],
  place: Place | null,
  host: SiteHost,
): Promise<Site> {
  const { environment } = host;
  if (place !== null) {
    const command = { argv: siteWords(names, folders), place };
    const ended = await runOutside(command, { ...host, readSecret: noSecret }, { timeout: siteTime });
    const fault = faultOf([ended]);
    if (fault) throw fault;
    return readSite(names, ended.stdout);
  }
  const site: Site = { programs: {}, installed: {} };
  await Promise.all(
    [...new Set(names)].map(async (name) => {
      const listed = (environment.PATH ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
      const beside = folders.flatMap(expanded);
      const paths = [...listed, ...beside].map((folder) => join(folder, name)).filter(isExecutable);
      const all = [...new Set(paths)].map(async (path) => ({
        path,
        version: await versionOf(name, path, environment),
      }));
      site.installed[name] = await Promise.all(all);
      site.programs[name] = findProgram(name, environment) === null ? null : (site.installed[name][0] ?? null);
    }),
  );
  return site;
}

const noSecret: ReadSecret = (name) => Promise.reject(new Error(`"${name}" is read although nothing needs it`));

// A star stands for any part of one name.
function expanded(folder: string): string[] {
  const [root = '', ...parts] = folder.split('/');
  return parts.reduce<string[]>((found, part) => found.flatMap((before) => matching(before, part)), [root]);
}

function matching(folder: string, part: string): string[] {
  if (!part.includes('*')) return [`${folder}/${part}`];
  const [before = '', after = ''] = part.split('*');
  try {
    const names = readdirSync(`${folder}/`).filter((name) => name.startsWith(before) && name.endsWith(after));
    return names.toSorted().map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}
