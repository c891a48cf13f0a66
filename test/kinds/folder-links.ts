/** Symbolic links in the folder of a destination: what a store in a file system does with them, wherever that is. */
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Destination } from '../../src/destination.ts';

/** Nothing leaves the prefix through a link below it, neither to write nor to read. `base` is an empty folder. */
export async function staysInside(base: string, open: (root: string) => Promise<Destination>): Promise<void> {
  const root = join(base, 'root');
  await mkdir(join(base, 'outside'));
  await mkdir(root);
  await writeFile(join(base, 'outside/file'), 'untouched');
  await symlink('../outside', join(root, 'climb'));
  await symlink('../outside/nothing-yet', join(root, 'dangling'));
  await symlink('../outside/file', join(root, 'file'));
  const destination = await open(root);
  for (const key of ['climb/file', 'climb/new', 'dangling', 'file', 'dangling/x']) {
    await expect(destination.write(key, Buffer.from('x')), key).rejects.toThrow(/symbolic link/);
    await expect(destination.replace(key, Buffer.from('x')), key).rejects.toThrow(/symbolic link/);
    await expect(destination.read(key, 100), key).rejects.toThrow(/symbolic link/);
    await expect(destination.stat(key), key).rejects.toThrow(/symbolic link/);
  }
  await expect(destination.remove('climb/file')).rejects.toThrow(/symbolic link/);
  const listed = async () => {
    for await (const _ of destination.list(''));
  };
  await expect(listed()).rejects.toThrow(/symbolic link/);
  expect(await readdir(join(base, 'outside'))).toEqual(['file']);
  expect(await readFile(join(base, 'outside/file'), 'utf8')).toBe('untouched');
  await destination.close();
}

/**
 * Makes the listing of a folder of the prefix fail, until what it returns is called. Permissions stop nobody who is root; a folder
 * that is a link to elsewhere is refused to everybody.
 */
export const breaksListing = (root: string, outside: string) => async (name: string) => {
  await rename(join(root, name), join(outside, name));
  await symlink(join(outside, name), join(root, name));
  return async () => {
    await rm(join(root, name));
    await rename(join(outside, name), join(root, name));
  };
};
