import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { type Diagnostic, RunnerError } from '../../../src/diagnostic.ts';
import { readPlan } from '../../../src/plan/read.ts';

const folder = mkdtempSync(join(tmpdir(), 'runner-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** Writes files into a folder of their own and reads the first; what is wrong comes back instead of being thrown. */
export async function read(files: string | Record<string, string>, environment: Record<string, string> = {}) {
  const directory = join(folder, String(++count));
  const all = typeof files === 'string' ? { 'plan.yaml': files } : files;
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  try {
    const found = await readPlan(join(directory, Object.keys(all)[0]!), { environment });
    return { directory, resolved: found.resolved, loaded: found.loaded, diagnostics: found.warnings };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { directory, resolved: null, loaded: null, diagnostics: error.diagnostics, error };
  }
}

/** One line a finding: `4:20 schema "7 days" is not a duration [a duration ...] (7d)`. */
export function lines(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ place, rule, message, expected, suggestion }) =>
    [`${place!.line}:${place!.column}`, rule, message, expected && `[${expected}]`, suggestion && `(${suggestion})`]
      .filter(Boolean)
      .join(' '),
  );
}

/** A plan with one backup of a SQLite database; `backup` replaces the lines of the backup after its source. */
export function planWith({ head = '', backup = '' }: { head?: string; backup?: string }): string {
  return `version: 1
name: shop
sources: { db: { type: sqlite, path: shop.db } }
destinations: { main: { type: local, path: /srv/backups } }
${head}
backups:
  db:
    source: db
    destinations: [main]
    verify: [{ restore: { every: 7d } }]
${backup}
`;
}
