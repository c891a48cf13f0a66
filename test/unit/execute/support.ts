import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Launch } from '../../../src/execute/launch.ts';
import { removeFolder } from '../../helpers/runner.ts';

export const noGuard = { watch: () => {}, unwatch: () => {} };
export const calm = new AbortController().signal;

export function launch(argv: string[], more: Partial<Launch> = {}): Launch {
  return { argv, env: { PATH: process.env.PATH ?? '', LC_ALL: 'C' }, feed: [], exits: [], ...more };
}

export function shell(script: string, more: Partial<Launch> = {}): Launch {
  return launch(['sh', '-c', script], more);
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'runner-execute-'));
  onTestFinished(() => removeFolder(directory));
  return directory;
}

/** Ids of the processes (zombies not counted) that carry this text in their environment. */
export function carriers(marker: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(marker);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Whether the process runs: a zombie does not. */
export function runs(id: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${id}/status`, 'latin1'));
  } catch {
    return false;
  }
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

export async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
