import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];

/** A directory of the test file's own; it is removed when the file has run. The name is short: sockets lie in some. */
export function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'rk-'));
  made.push(path);
  return path;
}

afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});
