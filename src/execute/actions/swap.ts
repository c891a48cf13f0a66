import { chmod, lchown, lstat, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { exists } from './directory.ts';
import { codeOf, textOf } from './errors.ts';
import { syncOne, syncTree } from './sync-tree.ts';

type Swap = Extract<Action, { do: 'swap'; beside: string }>;
type Unswap = Extract<Action, { do: 'unswap'; companions: string[] }>;

/** Put in place by renames alone, so that a reader sees the old data or the new and never a mixture. */
export async function swap(action: Swap, run: RunContext, context: PerformContext): Promise<Performed> {
  const { beside, target, aside } = action;
  const followers = followersOf(action);
  const fresh = freshOf(action);
  if (!(await exists(beside)))
    throw new RunnerError(`nothing was restored at ${beside}, so ${target} was left as it is`);
  if (await exists(aside))
    throw new RunnerError(`${aside} exists already; the old data of ${target} cannot be moved there`);
  const replaces = await exists(target);
  const there = await Promise.all(followers.map(({ home }) => exists(home)));
  const moved = replaces || there.includes(true);
  const strange = replaces ? await takeAfter(target, beside) : null;
  for (const path of [beside, ...fresh.map(({ away }) => away)]) if (await exists(path)) await syncTree(path);
  // Killed between the two renames, the target would be missing: then the guard puts the old data back.
  if (moved) run.guard.arm(context.id, putBack(target, aside, followers));
  try {
    await moveAll(target, aside, followers);
    run.swapped.set(target, { moved });
    if (moved && fresh.length > 0) run.guard.arm(context.id, putBack(target, aside, followers, fresh));
    try {
      // The target comes last: where it is, all is.
      for (const { home, away } of fresh) await renameIfThere(away, home);
      await rename(beside, target);
    } catch (error) {
      run.swapped.delete(target);
      for (const { home, away } of fresh) await renameIfThere(home, away);
      await moveBack(target, aside, followers);
      throw error;
    }
    for (const suffix of action.companions) await renameIfThere(beside + suffix, target + suffix);
    await syncDirectories([dirname(target), dirname(aside)]);
  } catch (error) {
    throw sameFileSystem(error, target);
  } finally {
    run.guard.disarm(context.id);
  }
  tellRestored(target, run, context);
  if (strange !== null) return { outcome: 'warned', message: strange };
  return moved ? { message: `the old data lies at ${aside}` } : {};
}

/**
 * A file that replaces another gets its owner and mode, or the program whose data it is could not open it. Returns what could
 * not be done. A directory brings its own, as its restore options say.
 */
async function takeAfter(old: string, fresh: string): Promise<string | null> {
  const [was, is] = [await lstat(old), await lstat(fresh)];
  if (!was.isFile() || !is.isFile()) return null;
  try {
    if (was.uid !== is.uid || was.gid !== is.gid) await lchown(fresh, was.uid, was.gid);
    await chmod(fresh, was.mode & 0o7777);
    return null;
  } catch (error) {
    return `${old} has another owner than before (${was.uid}:${was.gid}): ${textOf(error)}`;
  }
}

/** The old data comes back; what was put in its place is removed. Does nothing where this run swapped nothing. */
export async function unswap(action: Unswap, run: RunContext): Promise<Performed> {
  const { target, aside } = action;
  const swapped = run.swapped.get(target);
  if (!swapped) return { message: `${target} had not been touched` };
  const rejected = followersOf({ ...action, aside: `${aside}.rejected` });
  await moveAll(target, `${aside}.rejected`, rejected);
  if (swapped.moved) await moveBack(target, aside, followersOf(action));
  await syncDirectories([dirname(target), dirname(aside)]);
  for (const path of [`${aside}.rejected`, ...rejected.map(({ away }) => away)])
    await rm(path, { recursive: true, force: true });
  run.swapped.delete(target);
  return { message: swapped.moved ? `the old data is back at ${target}` : `${target} was removed again` };
}

/** What goes and comes back with a target: where it lies, and where it lies while the target is aside. */
type Follower = { home: string; away: string };

function followersOf({ target, aside, companions, neighbours = [] }: Omit<Unswap, 'do'>): Follower[] {
  return [
    ...companions.map((suffix) => ({ home: target + suffix, away: aside + suffix })),
    ...neighbours.map((name) => ({ home: join(dirname(target), name), away: `${aside}.${name}` })),
  ];
}

/** What was made beside the new data to take the place of a neighbour. */
function freshOf({ beside, target, neighbours = [] }: Swap): Follower[] {
  return neighbours.map((name) => ({ home: join(dirname(target), name), away: `${beside}.${name}` }));
}

async function moveAll(target: string, aside: string, followers: Follower[]): Promise<void> {
  await renameIfThere(target, aside);
  for (const { home, away } of followers) await renameIfThere(home, away);
}

async function moveBack(target: string, aside: string, followers: Follower[]): Promise<void> {
  await renameIfThere(aside, target);
  for (const { home, away } of followers) await renameIfThere(away, home);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  if (await exists(from)) await rename(from, to);
}

/** `fresh` may lie where the followers were: it goes first. */
function putBack(target: string, aside: string, followers: Follower[], fresh: Follower[] = []): string[] {
  const script = `target=$1 aside=$2 fresh=$3; shift 3; [ -e "$target" ] && exit
while [ "$fresh" -gt 0 ]; do rm -rf -- "$1"; shift; fresh=$((fresh - 1)); done
back() { [ ! -e "$2" ] || mv -- "$2" "$1"; }
back "$target" "$aside"; while [ $# -gt 1 ]; do back "$1" "$2"; shift 2; done`;
  const old = followers.flatMap(({ home, away }) => [home, away]);
  return ['sh', '-c', script, 'sh', target, aside, String(fresh.length), ...fresh.map(({ home }) => home), ...old];
}

async function syncDirectories(paths: string[]): Promise<void> {
  for (const path of new Set(paths)) await syncOne(path);
}

function sameFileSystem(error: unknown, target: string): unknown {
  if (codeOf(error) !== 'EXDEV' && codeOf(error) !== 'EBUSY') return error;
  return new RunnerError(
    `${target} is a mount point or lies on another file system, so it cannot be swapped: ${textOf(error)}`,
    {
      cause: error,
    },
  );
}

/** The new data is where it belongs. */
export function tellRestored(target: string, run: RunContext, { id: task, task: own, emit }: PerformContext): void {
  const backup = own?.backup ?? '';
  const admitted = run.graph.tasks.find(({ action }) => action.do === 'admit' && action.backup === backup);
  const id = admitted?.action.do === 'admit' ? admitted.action.id : '';
  emit({ event: 'restored', task, backup, id, target });
}
