import { createInterface } from 'node:readline/promises';
import { RunnerError } from '../diagnostic.ts';
import type { Host, Invocation } from './command.ts';

/** Asks a person. Without a terminal, or with `--yes`, nobody is asked: the answer is `--yes` itself. */
export async function ask(question: string, invocation: Invocation, host: Host): Promise<boolean> {
  if (invocation.options.yes) return true;
  if (!host.terminal.interactive) return false;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal: host.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (host.signal.aborted) throw host.signal.reason;
    // Ctrl-D: whoever ends the input agrees to nothing.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    reader.close();
  }
}

/** Consent to something that cannot be taken back. Throws RunnerError (exit 4) when it is not given. */
export async function consent(act: string, invocation: Invocation, host: Host): Promise<void> {
  if (await ask(`${act}?`, invocation, host)) return;
  const why = host.terminal.interactive
    ? 'nothing was done: it was not agreed to'
    : `nothing was done: without a terminal to ask at, this needs --yes: ${act}`;
  throw new RunnerError(why, { exitCode: 4 });
}
