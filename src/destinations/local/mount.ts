/** `mount: required`: the folder must lie on a file system of its own, so that the root disk is never filled in its stead. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { mountsIn } from './mount-table.ts';

/**
 * Why a path is not on a mounted file system, in one sentence, or null. It is mounted when the deepest mount point at or above
 * it is not `/` (and not an automounter's that has nothing under it yet). Parts that do not exist count as their parent.
 */
export async function mountProblem(path: string): Promise<string | null> {
  const real = await nearestExisting(path);
  const mounted = (await fromTable(real)) ?? (await stat(real)).dev !== (await stat('/')).dev;
  return mounted
    ? null
    : `${path} is not mounted, and the plan says \`mount: required\`: mount it first; nothing was written.`;
}

async function nearestExisting(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      return await realpath(at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || at === '/') throw error;
    }
  }
}

/** By the kernel's table of mounts; null where the system has none. */
async function fromTable(real: string): Promise<boolean | null> {
  let table: string;
  try {
    table = await readFile('/proc/self/mountinfo', 'utf8');
  } catch {
    return null;
  }
  return deepestMount(table, real);
}

/** Exported for its test: `table` is the text of /proc/self/mountinfo. */
export function deepestMount(table: string, real: string): boolean {
  let deepest = { point: '/', type: '' };
  for (const { point, type } of mountsIn(table)) {
    const above = point === '/' || real === point || real.startsWith(`${point}/`);
    // Of two mounts on one point the later one lies on top.
    if (above && point.length >= deepest.point.length) deepest = { point, type };
  }
  return deepest.point !== '/' && deepest.type !== 'autofs';
}
