/** Lines of the page of the plans, run as a person would: from the root of the project, `runner` being the program. */
import { once } from 'node:events';
import { built, cli, type Finished, shell, start } from '../../helpers/runner.ts';
import { root } from './page.ts';

/** Runs a line and gives what it said; `env` is all that differs from the committed plan. */
export async function line(text: string, env: Record<string, string>): Promise<Finished> {
  return await shell(text, { cwd: root, env });
}

/** Runs a line that must succeed. Throws with everything it said. */
export async function succeed(text: string, env: Record<string, string>): Promise<string> {
  const { exitCode, stdout, stderr } = await line(text, env);
  if (exitCode !== 0) throw new Error(`${text}\nexit ${exitCode}\n${stdout}${stderr}`);
  return stdout;
}

/** Runs a line at a terminal of its own. Each question gets the next answer, and the end of input when none is left. */
export async function atTerminal(text: string, answers: string[], env: Record<string, string>): Promise<Finished> {
  await built();
  const program = text.replace(/^runner /, `"${process.execPath}" -- "${cli}" `);
  const words = ['--quiet', '--return', '--flush', '--command', `stty -echo; ${program}`, '/dev/null'];
  const child = start('script', words, { cwd: root, env });
  const left = [...answers];
  let said = '';
  let asked = 0;
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    const questions = said.split(/ \[y\/N\] | to go on: /).length - 1;
    for (; asked < questions; asked += 1) {
      const answer = left.shift();
      child.stdin!.write(answer === undefined ? endOfInput : `${answer}\n`);
    }
  });
  const [exitCode, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { exitCode, signal, stdout: said, stderr: '' };
}

/** What Ctrl-D types. */
const endOfInput = '\u0004';
