/** Starts the built program, as a user would. It is built first when a source is newer than it. */
import { execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '..', '..');
export const cli = join(root, 'dist', 'cli.js');

export type Finished = { exitCode: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

export type StartOptions = {
  cwd?: string;
  /** Added to a small environment (PATH, HOME, TMPDIR); undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  input?: string;
};

/** Runs `runner ...words` to its end, without a terminal. (Without `--`, Node 20 takes a script's --env-file for its own.) */
export async function runner(words: string[], options: StartOptions = {}): Promise<Finished> {
  await built();
  return finished(start(process.execPath, ['--', cli, ...words], options), options.input);
}

/** A shell line in which `runner` is the program, for pipes. */
export async function shell(line: string, options: StartOptions = {}): Promise<Finished> {
  await built();
  const script = `runner() { "${process.execPath}" -- "${cli}" "$@"; }\n${line}`;
  return finished(start('/bin/sh', ['-c', script], options), options.input);
}

/** A directory of the test's own. */
export function temporaryDirectory(name = 'runner-test-'): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), name));
  return { path, remove: () => removeFolder(path) };
}

/** Removes a folder with what is still being written there. (`rmSync` with `maxRetries` would not read the folder again.) */
export function removeFolder(path: string): void {
  for (let tries = 1; ; tries += 1) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (tries === 50 || (error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}

/** Remembers what a folder holds, beside it; what is returned brings that back. */
export function remember(path: string): () => void {
  const copy = mkdtempSync(`${path}-kept-`);
  const options = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };
  cpSync(path, copy, options);
  return () => {
    removeFolder(path);
    cpSync(copy, path, options);
  };
}

export function start(program: string, words: string[], options: StartOptions) {
  const { PATH = '', HOME = '/', TMPDIR = tmpdir() } = process.env;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ PATH, HOME, TMPDIR, ...options.env })) {
    if (value !== undefined) env[name] = value;
  }
  const spawned: SpawnOptions = { env, stdio: ['pipe', 'pipe', 'pipe'], ...(options.cwd ? { cwd: options.cwd } : {}) };
  return spawn(program, words, spawned);
}

export async function finished(child: ReturnType<typeof start>, input = ''): Promise<Finished> {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  child.stdin!.on('error', () => {});
  child.stdin!.end(input);
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (exitCode, signal) => done({ exitCode, signal, ...said }));
  });
}

let ready: Promise<void> | null = null;

/** Builds once for all test files: each runs in a process of its own, so a directory is the lock. */
export function built(): Promise<void> {
  ready ??= build();
  return ready;
}

async function build(): Promise<void> {
  const lock = join(root, 'node_modules', '.runner-test-build');
  while (isStale()) {
    try {
      mkdirSync(lock);
    } catch {
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (Date.now() - since > 600_000) rmSync(lock, { recursive: true, force: true });
      await sleep(200);
      continue;
    }
    try {
      if (isStale())
        execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
      return;
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

function isStale(): boolean {
  const made = statSync(cli, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return ['src', 'schemas', 'package.json'].some((name) => newest(join(root, name)) > made);
}

/** Latest modification of a file or of any below a directory; what the build itself writes does not count. */
function newest(path: string): number {
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  const files = readdirSync(path, { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('generated') && entry.name !== 'plan.schema.json')
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}
