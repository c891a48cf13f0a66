/** The lines of a section's recovery, found by words, and what is said of them. */
import { expect } from 'vitest';
import type { Finished } from '../../helpers/runner.ts';
import { recovery } from './page.ts';

/** The only line of the recovery that holds all of these words. */
export function lineOf(section: string, ...words: string[]): string {
  const found = recovery(section).filter((text) => words.every((word) => text.includes(word)));
  if (found.length !== 1) throw new Error(`${found.length} lines of ${section} hold ${words.join(' and ')}`);
  return found[0]!;
}

export function expectExit({ exitCode, stdout, stderr }: Finished, code: number): void {
  expect(exitCode, `${stdout}${stderr}`).toBe(code);
}

/** Prints how long a recovery took beside what the document promises. */
export function tellTime(what: string, since: number, promised: string): number {
  const seconds = (performance.now() - since) / 1000;
  process.stderr.write(`${what}: ${seconds.toFixed(1)} s, promised ${promised}\n`);
  return seconds;
}
