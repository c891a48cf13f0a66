import { chmod, lchown, lstat, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RunnerError } from '../../diagnostic.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { exists } from './directory.ts';
import { codeOf, textOf } from './errors.ts';
import { syncOne, syncTree } from './sync-tree.ts';

/** Put in place by renames alone, so that a reader sees the old data or the new and never a mixture. */
export async function swap(
  action: Extract<Action, { do: 'swap' }>,
  run: RunContext,
  context: PerformContext,
): Promise<Performed> {
  const { beside, target, aside, companions } = action;
  if (!(await exists(beside)))
    throw new RunnerError(`nothing was restored at ${beside}, so ${target} was left as it is`);
  if (await exists(aside))
    throw new RunnerError(`${aside} exists already; the old data of ${target} cannot be moved there`);
  const moved = await exists(target);
  const strange = moved ? await takeAfter(target, beside) : null;
  await syncTree(beside);
  // Killed between the two renames, the target would be missing: then the guard puts the old data back.
  if (moved) run.guard.arm(context.id, putBack(target, aside, companions));
  try {
    await moveWithCompanions(target, aside, companions);
    run.swapped.set(target, { moved });
    await rename(beside, target).catch(async (error: unknown) => {
      run.swapped.delete(target);
      await moveWithCompanions(aside, target, companions);
      throw error;
    });
    for (const suffix of companions) await renameIfThere(beside + suffix, target + suffix);
    await syncDirectories([dirname(target), dirname(aside)]);
  } catch (error) {
    throw sameFileSystem(error, target);
  } finally {
    run.guard.disarm(context.id);
  }
  const task = context.task;
  context.emit({ event: 'restored', task: context.id, backup: task?.backup ?? '', id: restoredId(run), target });
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
export async function unswap(action: Extract<Action, { do: 'unswap' }>, run: RunContext): Promise<Performed> {
  const { target, aside, companions } = action;
  const swapped = run.swapped.get(target);
  if (!swapped) return { message: `${target} had not been touched` };
  const rejected = `${aside}.rejected`;
  await moveWithCompanions(target, rejected, companions);
  if (swapped.moved) await moveWithCompanions(aside, target, companions);
  await syncDirectories([dirname(target), dirname(aside)]);
  for (const suffix of ['', ...companions]) await rm(rejected + suffix, { recursive: true, force: true });
  run.swapped.delete(target);
  return { message: swapped.moved ? `the old data is back at ${target}` : `${target} was removed again` };
}

async function moveWithCompanions(from: string, to: string, companions: string[]): Promise<void> {
  await renameIfThere(from, to);
  for (const suffix of companions) await renameIfThere(from + suffix, to + suffix);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  if (await exists(from)) await rename(from, to);
}

function putBack(target: string, aside: string, companions: string[]): string[] {
  const script =
    'target=$1 aside=$2; shift 2; [ -e "$target" ] && exit; mv -- "$aside" "$target"; for s; do mv -- "$aside$s" "$target$s"; done';
  return ['sh', '-c', script, 'sh', target, aside, ...companions];
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

function restoredId(run: RunContext): string {
  const admit = run.graph.tasks.find(({ action }) => action.do === 'admit');
  return admit?.action.do === 'admit' ? admit.action.id : '';
}
