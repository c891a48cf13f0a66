/** What the long proofs share: their size, their tables, the program as a process, and looks at what it left behind. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { delimiter, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { built, cli, type Finished, finished, type StartOptions, start } from '../helpers/runner.ts';

/** `PROOF=full` runs a proof in the size that the project promises; else it is a sample of some seconds. */
export const full = process.env.PROOF === 'full';

/** Long enough for the full size on a busy machine; a sample is bounded by its numbers. */
export const proofTimeout = full ? 3_600_000 : 900_000;

/** Prints rows under the keys of the first one. */
export function printTable(title: string, rows: Record<string, string | number>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  writeSync(2, `\n${title}${full ? '' : ' (sample; PROOF=full for all of it)'}\n${lines.join('\n')}\n`);
}

export type Running = {
  pid: number;
  /** What was printed so far. */
  said: { stdout: string; stderr: string };
  ended: Promise<Finished>;
  /** The run's id, once its first event has come. */
  run(): string | null;
  /** Resolves with the text when standard output holds it, or with null when the process has ended without. */
  until(text: string): Promise<string | null>;
};

/** Starts the program and lets the test look on. */
export async function launch(words: string[], options: StartOptions = {}): Promise<Running> {
  await built();
  const child = start(process.execPath, ['--', cli, ...words], options);
  const said = { stdout: '', stderr: '' };
  let over = false;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.on('data', (text: string) => {
      said[name] += text;
    });
  }
  const ended = finished(child).finally(() => {
    over = true;
  });
  return {
    pid: child.pid!,
    said,
    ended,
    run: () => /"event":"run-started","run":"([^"]+)"/.exec(said.stdout)?.[1] ?? null,
    until: async (text) => {
      for (;;) {
        if (said.stdout.includes(text)) return text;
        if (over) return said.stdout.includes(text) ? text : null;
        await sleep(2);
      }
    },
  };
}

/** Kills it, unless it has ended by itself meanwhile. */
export function killIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits for a condition; false when the time (ms) is over. */
export async function waitFor(condition: () => boolean, milliseconds: number, step = 5): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > end) return false;
    await sleep(step);
  }
  return true;
}

/** Processes that carry a run's id in their environment or in their arguments. Zombies have neither. */
export function carriers(run: string): number[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isCarrier(name, run))
    .map(Number);
}

function isCarrier(pid: string, run: string): boolean {
  return ['environ', 'cmdline'].some((name) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(run);
    } catch {
      return false;
    }
  });
}

/** Files below a directory, relative to it, sorted. */
export function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const found: string[] = [];
  const pending = [directory];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of entriesOf(next)) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else found.push(relative(directory, path));
    }
  }
  return found.sort();
}

/** A directory that has gone meanwhile holds nothing. */
function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** SHA-256 of each of these files below a directory. */
export async function hashes(directory: string, files: string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const file of files)
    found.set(file, existsSync(join(directory, file)) ? await sha256OfFile(join(directory, file)) : 'gone');
  return found;
}

/** Why what lies at a destination shows a partial backup, or null: a manifest without all bytes of its artifact. */
export async function partialBackup(
  root: string,
  ignore: (file: string) => boolean = () => false,
): Promise<string | null> {
  for (const file of filesBelow(root)) {
    if (!file.endsWith('.manifest.json') || file.includes('/.runner/') || ignore(file)) continue;
    const text = readFileSync(join(root, file), 'utf8');
    let manifest: { artifacts: { key: string; size: number; sha256: string }[] };
    try {
      manifest = JSON.parse(text);
    } catch {
      return `${file} is cut`;
    }
    for (const { key, size, sha256 } of manifest.artifacts) {
      const path = join(root, key);
      if (!existsSync(path)) return `${file} has no artifact`;
      if (statSync(path).size !== size || (await sha256OfFile(path)) !== sha256) return `${key} is not whole`;
    }
  }
  return null;
}

/** A directory of links to everything on PATH but some programs. */
export async function pathWithout(hidden: string[], directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(existsSync)) {
    for (const name of readdirSync(folder)) {
      if (!hidden.includes(name) && !existsSync(join(directory, name)))
        await symlink(join(folder, name), join(directory, name)).catch(() => {});
    }
  }
  return directory;
}

/** One sentence for a person: located, without a stack trace. */
export function isSentence(stderr: string): boolean {
  return !/^\s+at .*[(:]\d+|node:internal|TypeError|Unhandled|an unexpected fault/m.test(stderr);
}

export function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
