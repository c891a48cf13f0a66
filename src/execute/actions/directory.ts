import { chmod, chown, lstat, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { newNonce } from '../../catalog/identity.ts';
import { RunnerError } from '../../diagnostic.ts';
import { makeFolders } from '../../folders.ts';
import type { Action } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { codeOf, textOf } from './errors.ts';

/**
 * A private directory (0700) below TMPDIR, named after the run. The guard is told its name before it is made: it removes it if
 * we cannot, however early we die. An `owner` works in it as the only member of its group, and cannot move what is ours there.
 */
export async function makeDirectory(
  { owner }: Extract<Action, { do: 'directory' }>,
  run: RunContext,
): Promise<{ outputs: { path: string } }> {
  const parent = run.host.environment.TMPDIR || tmpdir();
  const path = join(parent, `runner-${run.run}-${newNonce()}`);
  run.connections.keep(path);
  run.guard.removeLater(path);
  try {
    await mkdir(path, { mode: 0o700 });
    if (owner !== undefined) {
      await chown(path, 0, owner);
      await chmod(path, 0o1770);
    }
  } catch (error) {
    // Whatever lies there is not ours.
    run.guard.keep(path);
    throw new RunnerError(
      `no temporary directory could be made in ${parent}: ${textOf(error)}; set TMPDIR to a directory that can be written`,
      { cause: error },
    );
  }
  return { outputs: { path } };
}

/** Removes the directory that the scope of this name holds. */
export async function removeDirectory(run: RunContext, context: PerformContext): Promise<Performed> {
  await removeTree(run, context.lookup.out(`${context.id}.path`));
  return {};
}

/** Claims a path that must be free: what comes to lie there is removed when the scope ends, or when we are killed. */
export async function reserve(action: Extract<Action, { do: 'reserve' }>, run: RunContext): Promise<Performed> {
  if (await exists(action.path))
    throw new RunnerError(`${action.path} exists already; move it away or name another target`);
  await makeFolders(dirname(action.path), 0o700);
  run.guard.removeLater(action.path);
  return {};
}

/** Removes a path and its companions; what is already gone is fine. */
export async function discard(
  action: Extract<Action, { do: 'discard'; companions: string[] }>,
  run: RunContext,
): Promise<Performed> {
  const { path, companions, neighbours = [] } = action;
  for (const suffix of ['', ...companions, ...neighbours.map((name) => `.${name}`)])
    await removeTree(run, path + suffix);
  return {};
}

/** What is ours to remove, here and wherever programs had one of the same name; a killed run need not do it any more. */
export async function removeTree(run: RunContext, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  run.guard.keep(path);
  const left = await run.connections.clear(path);
  if (left.length > 0) throw new RunnerError(left.join('; '));
}

/** Whether anything, also a dangling link, has this name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
