/** A folder as one hash: names, modes and contents of all that is in it. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export function hashOf(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const found = statSync(join(folder, name));
    hash.update(`${name}\0${found.mode}\0`);
    if (found.isFile()) hash.update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex');
}

/** The id of the newest backup of that name in a folder of ours. */
export function newestIn(folder: string, backup: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const id = new RegExp(`${backup}-\\d{8}T\\d{6}Z-\\w+`);
  return names
    .flatMap((name) => id.exec(name)?.[0] ?? [])
    .sort()
    .at(-1)!;
}
