/** Many processes that start at once to take one lease: each says on a line what became of it, and holds it until its input ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';

export type Starter = { child: ChildProcess; first: Promise<string>; last: Promise<string> };

/** Where a file of ours is, as text in a program. */
export const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).pathname);

/** What every starter does once it has its `store`, the name of its `run` and `signal`. */
export const race = `try {
      const lease = await acquireLease(store, 'shop', run, { timeout: 0, signal: new AbortController().signal });
      console.log('held');
      for await (const _ of process.stdin);
      await lease.check();
      console.log('still held');
      await lease.release();
    } catch (error) { console.log(error.exitCode === 5 ? 'locked' : String(error)); }`;

/** Makes one file for node of a program; what is `external` is found in node_modules. */
export function bundled(entry: string, folder: string, external: string[] = []): void {
  const rolldown = new URL('../../node_modules/.bin/rolldown', import.meta.url).pathname;
  const words = [entry, '--platform', 'node', '-d', folder, ...external.flatMap((name) => ['--external', name])];
  const built = spawnSync(rolldown, words, { encoding: 'utf8' });
  expect(built.status, built.stderr).toBe(0);
}

/** Starts processes of one program, and ends what is left of them. */
export class Starters {
  private readonly running = new Set<ChildProcess>();

  constructor(
    private readonly program: string,
    private readonly env: Record<string, string | undefined> = process.env,
  ) {}

  start(words: string[]): Starter {
    const { env } = this;
    const child = spawn(process.execPath, [this.program, ...words], { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.running.add(child);
    const lines: string[] = [];
    const reader = createInterface({ input: child.stdout! });
    reader.on('line', (line) => lines.push(line));
    const closed = once(reader, 'close').then(() => this.running.delete(child));
    const first = Promise.race([once(reader, 'line').then(([line]) => line as string), closed.then(() => 'died')]);
    return { child, first, last: closed.then(() => lines.at(-1) ?? 'died') };
  }

  end(): void {
    for (const child of this.running) child.kill('SIGKILL');
  }
}

/** Waits for all, then lets the holders go on; what each said first, and what the holders said last. */
export async function outcome(all: Starter[]): Promise<{ said: string[]; held: string[] }> {
  const said = await Promise.all(all.map(({ first }) => first));
  const holders = all.filter((_, index) => said[index] === 'held');
  for (const { child } of holders) child.stdin!.end();
  return { said, held: await Promise.all(holders.map(({ last }) => last)) };
}
