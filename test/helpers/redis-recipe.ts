/** Runs a recipe with its servers, as a verification does, around questions that are asked while they run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { render } from '../../src/bind.ts';
import type { Command } from '../../src/command.ts';
import type { Recipe } from '../../src/recipe.ts';
import type { Machine, Task } from '../contracts/machine.ts';

export async function withRecipe<Result>(
  machine: Machine,
  recipe: Recipe,
  plain: Uint8Array,
  act: (task: Task) => Promise<Result>,
): Promise<Result> {
  const task = machine.task();
  if (!('file' in recipe.intake)) throw new Error('the recipe takes in no file');
  writeFileSync(render(recipe.intake.file, task.lookup), plain, { mode: 0o600 });
  const children: ChildProcess[] = [];
  try {
    for (const { held } of recipe.servers ?? []) {
      const child = start(held.command, task);
      children.push(child);
      if (!('command' in held.ready)) throw new Error('the server tells by a line that it is ready');
      await ready(held.ready.command, child, task);
    }
    for (const assertion of recipe.finish ?? []) {
      if (assertion.check !== 'output') throw new Error(`no assertion ${assertion.check} is known here`);
      const value = (await task.run(assertion.command)).trim();
      if (value !== assertion.expect.equals) throw new Error(`${assertion.title}: it is ${value}`);
    }
    return await act(task);
  } finally {
    for (const child of children) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGTERM')) await gone;
    }
  }
}

function start({ argv, cwd }: Command, { lookup }: Task): ChildProcess {
  const [program = '', ...rest] = argv.map((argument) => render(argument, lookup));
  return spawn(program, rest, { stdio: 'ignore', ...(cwd === undefined ? {} : { cwd: render(cwd, lookup) }) });
}

async function ready(question: Command, child: ChildProcess, task: Task): Promise<void> {
  for (let turn = 0; turn < 300; turn += 1) {
    if (child.exitCode !== null) throw new Error('the server ended before it was ready');
    const answered = await task.run(question).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server was not ready in time');
}
