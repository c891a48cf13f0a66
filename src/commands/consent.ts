import { createInterface } from 'node:readline/promises';
import { RunnerError } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';

/**
 * Asks a person, who agrees by `y`, or by typing `word`. Without a terminal, or with `--yes`, nobody is asked: the answer is
 * `--yes` itself.
 */
export async function ask(question: string, invocation: Invocation, host: Host, word?: string): Promise<boolean> {
  if (invocation.options.yes) return true;
  if (!host.terminal.interactive) return false;
  const prompt = word === undefined ? `${question} [y/N] ` : `${question}\nType ${word} to go on: `;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = (await reader.question(prompt, { signal: host.signal })).trim();
    return word === undefined ? /^y(es)?$/i.test(answer) : answer === word;
  } catch (error) {
    if (host.signal.aborted) throw host.signal.reason;
    // Ctrl-D: whoever ends the input agrees to nothing.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    reader.close();
  }
}

/** Consent to something that cannot be taken back, see `ask`. Throws RunnerError (exit 4) when it is not given. */
export async function consent(act: string, invocation: Invocation, host: Host, word?: string): Promise<void> {
  if (await ask(`${act}?`, invocation, host, word)) return;
  const why = host.terminal.interactive
    ? `nothing was done: ${word === undefined ? 'it was not agreed to' : `${word} was not typed`}`
    : `nothing was done: without a terminal to ask at, this needs --yes: ${act}`;
  throw new RunnerError(why, { exitCode: 4 });
}
