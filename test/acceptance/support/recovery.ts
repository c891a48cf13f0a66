/** Runs the lines of a section's recovery as a person would copy them. */
import { expect } from 'vitest';
import { type Finished, type StartOptions, shell } from '../../helpers/runner.ts';
import { recovery, root } from './page.ts';

/** The only line of the recovery that holds all of these words. */
export function line(section: string, ...words: string[]): string {
  const found = recovery(section).filter((text) => words.every((word) => text.includes(word)));
  if (found.length !== 1) throw new Error(`${found.length} lines of ${section} hold ${words.join(' and ')}`);
  return found[0]!;
}

/** Runs a line from the project's root, where `plans/` is. */
export const follow = (text: string, options: StartOptions): Promise<Finished> =>
  shell(text, { cwd: root, ...options });

export function expectExit({ exitCode, stdout, stderr }: Finished, code: number): void {
  expect(exitCode, `${stdout}${stderr}`).toBe(code);
}

/** Prints how long a recovery took beside what the document promises. */
export function tellTime(what: string, since: number, promised: string): number {
  const seconds = (performance.now() - since) / 1000;
  process.stderr.write(`${what}: ${seconds.toFixed(1)} s, promised ${promised}\n`);
  return seconds;
}
