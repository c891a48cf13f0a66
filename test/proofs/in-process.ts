/** A command run in this process, as the command line runs it: for proofs that need it a thousand times. */
import type { Host, Invocation, Options } from '../../src/commands/command.ts';
import { reportError } from '../../src/commands/errors.ts';
import { verbs } from '../../src/commands/verbs.ts';
import type { Terminal } from '../../src/report/terminal.ts';

export type Said = { exitCode: number; stdout: string; stderr: string };

export async function command(
  verb: string,
  plan: string,
  words: string[],
  options: Options,
  environment: Host['environment'],
): Promise<Said> {
  const said: Said = { exitCode: -1, stdout: '', stderr: '' };
  const terminal: Terminal = {
    data: (text) => {
      said.stdout += text;
    },
    say: (text) => {
      said.stderr += text;
    },
    bytes: () => {
      throw new Error('no proof asks for bytes');
    },
    interactive: false,
    animated: false,
    color: false,
    deaf: false,
    flush: async () => null,
  };
  const found = verbs.find(({ name }) => name === verb);
  if (!found) throw new Error(`there is no verb ${verb}`);
  const invocation: Invocation = { verb, plan, words, options };
  const host: Host = {
    terminal,
    environment: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    signal: new AbortController().signal,
  };
  try {
    said.exitCode = await (await found.load()).run(invocation, host);
  } catch (error) {
    said.exitCode = await reportError(error, terminal);
  }
  return said;
}
