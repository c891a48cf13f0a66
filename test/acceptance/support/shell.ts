/** Lines of the page of the plans, run as a person would: from the root of the project, `runner` being the program. */
import { built, cli, type Finished, finished, shell, start } from '../../helpers/runner.ts';
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

/** Runs a line at a terminal of its own, at which this is typed, and then the end of input. */
export async function atTerminal(text: string, typed: string, env: Record<string, string>): Promise<Finished> {
  await built();
  const program = text.replace(/^runner /, `"${process.execPath}" -- "${cli}" `);
  const words = ['--quiet', '--return', '--flush', '--command', `stty -echo; ${program}`, '/dev/null'];
  return await finished(start('script', words, { cwd: root, env }), typed);
}
