/** Many small files at once. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

/** Writes four bytes to each name below a folder; what waits beside it has its turn. */
export async function fillFolder(folder: string, names: readonly string[]): Promise<void> {
  const made = new Set<string>();
  for (const [index, name] of names.entries()) {
    const path = join(folder, name);
    const above = dirname(path);
    if (!made.has(above)) mkdirSync(above, { recursive: true });
    made.add(above);
    writeFileSync(path, 'four');
    if (index % 200 === 0) await setImmediate();
  }
}
