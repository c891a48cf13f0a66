import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Loaded, loadPlan } from '../../../src/plan/load.ts';
import { printDiagnostics } from '../../../src/plan/print.ts';

const directories: string[] = [];

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A directory of the test's own, removed after it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'plan-load-'));
  directories.push(directory);
  return directory;
}

export type Files = Record<string, string | Uint8Array>;

/** Writes the files and loads the first of them; `printed` names files without the directory. */
export async function load(
  files: Files | string | Uint8Array,
  environment: Record<string, string | undefined> = {},
): Promise<Loaded & { printed: string; directory: string }> {
  const directory = temporaryDirectory();
  const all: Files = typeof files === 'string' || files instanceof Uint8Array ? { 'plan.yaml': files } : files;
  for (const [name, text] of Object.entries(all)) writeFileSync(join(directory, name), text);
  const loaded = await loadPlan(join(directory, Object.keys(all)[0]!), { environment });
  return { ...loaded, directory, printed: shorten(printDiagnostics(loaded.diagnostics), directory) };
}

export function shorten(text: string, directory: string): string {
  return text.replaceAll(`${directory}/`, '');
}

/** `line:column+length` of a place, with the name of its file when it is not the plan. */
export function spot(loaded: Loaded, pointer: string, key = false): string {
  const place = loaded.place(pointer, key);
  const name = place.file === loaded.file ? '' : `${place.file.split('/').at(-1)}:`;
  return `${name}${place.line}:${place.column}+${place.length}`;
}
