/** Where a restore goes, and what lies there now. */
import { lstat, readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { refuse } from '../diagnostic.ts';
import { placeName } from '../place-name.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findDestination, findSource } from '../registry.ts';
import type { AskServer } from './server.ts';
import { placeThere, targetThere } from './target-there.ts';

export type RestoreTarget = {
  /** Null where a program takes the stream. */
  target: string | null;
  /** The path is one where the source's programs run. */
  there?: true;
  live: boolean;
  /** Something lies at the target. */
  replaces: boolean;
  /** What lies there holds nothing: no consent and no safety copy is needed. */
  empty: boolean;
  beside: string;
  /** What lies beside was left by a run of ours that was killed. */
  stale: boolean;
  aside: string;
};

const untold: RestoreTarget = {
  target: null,
  live: true,
  replaces: true,
  empty: false,
  beside: '',
  stale: false,
  aside: '',
};

/**
 * A path: `to` as typed, else the plan's, else where the data came from, which may be elsewhere: without `ask` nobody looks
 * there. `only` are members that are wanted alone. Throws RunnerError (exit 4).
 */
export async function restoreTarget(
  plan: ResolvedPlan,
  backup: ResolvedBackup,
  to: string | undefined,
  only: readonly string[] = [],
  ask: AskServer | null = null,
): Promise<RestoreTarget> {
  const kind = findSource(backup.source.type);
  const shape = kind.restores(backup.source.spec, backup.restore.options);
  if (only.length > 0 && !(shape === 'directory' && kind.members))
    throw refuse(
      `a ${kind.type} backup is one piece, of which --only can take nothing; restore it elsewhere with --to`,
    );
  if (shape === 'none') {
    if (to !== undefined) throw refuse(`"${backup.name}" is restored by its own program, so --to means nothing`);
    return untold;
  }
  if (shape === 'database') throw new Error('a database was looked for in the file system');
  const home = kind.home(backup.source.spec);
  const own = backup.restore.to ?? home;
  const wanted = to === undefined ? own : fromShell(to);
  if (wanted === null) throw refuse(`"${backup.name}" names no place of its own to restore to: say it with --to`);
  const place = placeThere(backup, to);
  if (place && (kind.settle || kind.neighbours))
    throw refuse(
      `"${backup.name}" lies elsewhere (${placeName(place)}), and its file is restored here: name a path with --to`,
    );
  if (place) return ask ? await targetThere(backup, wanted, only, ask) : untold;
  const target = await settle(wanted, shape, home);
  await parentExists(target);
  const there = await whatLies(target);
  if (there !== 'nothing') await refuseOthers(plan, target);
  if (there === 'full' && only.length > 0)
    throw refuse(`${target} is not empty, and --only brings single members into a fresh directory: name one with --to`);
  if (there === 'full' && shape === 'directory' && !backup.restore.overwrite) {
    throw refuse(
      `${target} exists and is not empty; restore into a fresh directory, or let the plan say restore: { overwrite: true }`,
    );
  }
  const live = (await same(target, home)) || (await same(target, backup.restore.to ?? null));
  const free = (word: string) => freeName(target, word, kind.companions ?? []);
  return {
    target,
    live,
    replaces: there !== 'nothing',
    empty: there !== 'full',
    beside: await free('new'),
    stale: false,
    aside: await free('old'),
  };
}

function fromShell(path: string): string {
  // What a script's empty variable gives: it would mean this folder.
  if (path === '') throw refuse('--to is empty; name a place');
  return resolve(path.startsWith('~/') ? join(homedir(), path.slice(2)) : path);
}

/** A file that is told to go into a directory goes below it, under its own name, as with cp. */
async function settle(given: string, shape: 'directory' | 'file', home: string | null): Promise<string> {
  const path = await behindLink(given);
  const found = await lstat(path).catch(() => null);
  const isDirectory = found?.isDirectory() ?? false;
  if (shape === 'file' && isDirectory && home !== null) return await behindLink(join(path, basename(home)));
  if (shape === 'directory' && found && !isDirectory) throw refuse(`${path} is no directory`);
  if (shape === 'file' && isDirectory) throw refuse(`${path} is a directory; name a file`);
  if (found && !isDirectory && !found.isFile()) throw refuse(`${path} is no file but a device, a pipe or a socket`);
  return path;
}

/** Data is put where a link leads to: a link that is replaced would leave the old data in use by whoever follows another. */
async function behindLink(path: string): Promise<string> {
  const found = await lstat(path).catch(() => null);
  if (!found?.isSymbolicLink()) return path;
  return await realpath(path).catch(() => {
    throw refuse(`${path} is a link that leads nowhere; is what it leads to mounted?`);
  });
}

/** What cannot be moved aside, and what must not be: a place where backups lie. */
async function refuseOthers(plan: ResolvedPlan, target: string): Promise<void> {
  const real = await realpath(target);
  if ((await lstat(real)).dev !== (await lstat(dirname(real))).dev || real === dirname(real))
    throw refuse(`${target} is a mount point, which cannot be replaced; name a folder or a file below it`);
  for (const [name, { type, spec }] of Object.entries(plan.destinations)) {
    const described = findDestination(type).describe(spec);
    const root = isAbsolute(described) ? await realpath(described).catch(() => null) : null;
    const backups = root === null ? null : join(root, plan.name);
    if (backups !== null && (isWithin(backups, real) || isWithin(real, backups)))
      throw refuse(`${target} cannot be replaced: the backups of destination "${name}" lie at ${backups}`);
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

async function parentExists(target: string): Promise<void> {
  const parent = dirname(target);
  const found = await lstat(await realpath(parent).catch(() => parent)).catch(() => null);
  if (!found?.isDirectory()) throw refuse(`${target} cannot be restored to: ${parent} is no directory`);
}

async function whatLies(target: string): Promise<'nothing' | 'empty' | 'full'> {
  const found = await lstat(target).catch(() => null);
  if (!found) return 'nothing';
  if (!found.isDirectory()) return 'full';
  return (await readdir(target)).length === 0 ? 'empty' : 'full';
}

async function same(left: string, right: string | null): Promise<boolean> {
  if (right === null) return false;
  const real = (path: string) => realpath(path).catch(() => resolve(path));
  return (await real(left)) === (await real(right));
}

/** A hidden name beside the target, free with all its companions; the first in order, so that previews agree. */
async function freeName(target: string, word: string, companions: readonly string[]): Promise<string> {
  for (let number = 1; ; number++) {
    const name = join(dirname(target), `.${basename(target)}.runner-${word}${number === 1 ? '' : `-${number}`}`);
    const found = await Promise.all(['', ...companions].map((suffix) => lstat(name + suffix).catch(() => null)));
    if (found.every((entry) => entry === null)) return name;
  }
}
