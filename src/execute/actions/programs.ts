import { render } from '../../bind.ts';
import type { Command } from '../../command.ts';
import { type Ended, type Launch, prepareLaunch } from '../launch.ts';
import { faultOf, runCommand } from '../pipeline.ts';
import { lookupAt } from '../remote-launch.ts';
import type { PerformContext } from '../task-context.ts';
import type { RunContext } from './context.ts';

export type Finished = Ended & { stdout: string };

/** Starts the programs of one task and tells of each: what is told is the graph's argument vector, bound. */
export type Programs = {
  launch(command: Command): Promise<Launch>;
  launches(commands: readonly Command[]): Promise<Launch[]>;
  /** Programs that ran elsewhere (in a pipeline), in the order of their commands. */
  report(commands: readonly Command[], ended: readonly Ended[]): void;
  /** Runs one and returns however it ended. */
  attempt(command: Command, options?: { maxOutput?: number; signal?: AbortSignal }): Promise<Finished>;
  /** Runs one; throws a RunnerError that names it when it failed. */
  run(command: Command, options?: { maxOutput?: number; signal?: AbortSignal }): Promise<Finished>;
  runAll(commands: readonly Command[] | undefined): Promise<void>;
  /** Like `runAll`, but each is tried whatever happened before, also when the run is ending. Returns what failed. */
  cleanUp(commands: readonly Command[] | undefined): Promise<Error[]>;
};

/** Milliseconds that one clean-up command may take once the run has been told to end. */
const cleanUpTime = 60_000;

export function programsOf(run: RunContext, context: PerformContext): Programs {
  const argvOf = (command: Command) =>
    command.argv.map((argument) => render(argument, lookupAt(command, context.lookup)));
  const launch = (command: Command) => prepareLaunch(command, context.lookup, run.host);
  const report = (commands: readonly Command[], ended: readonly Ended[]): void => {
    for (const [index, command] of commands.entries()) {
      const end = ended[index];
      if (!end) continue;
      const { exitCode, signal, seconds } = end;
      const entry = { task: context.id, argv: argvOf(command), exitCode, signal, seconds };
      run.commands.push(entry);
      context.emit({ event: 'command', ...entry, stderr: run.secrets.redact(end.stderr) });
    }
  };
  const attempt: Programs['attempt'] = async (command, options = {}) => {
    const finished = await runCommand(await launch(command), {
      guard: run.guard,
      signal: options.signal ?? context.signal,
      ...(options.maxOutput === undefined ? {} : { maxOutput: options.maxOutput }),
    });
    report([command], [finished]);
    return finished;
  };
  const runOne: Programs['run'] = async (command, options) => {
    const finished = await attempt(command, options);
    const fault = faultOf([finished]);
    if (fault) throw fault;
    return finished;
  };
  return {
    launch,
    launches: (commands) => Promise.all(commands.map(launch)),
    report,
    attempt,
    run: runOne,
    runAll: async (commands) => {
      for (const command of commands ?? []) await runOne(command);
    },
    cleanUp: async (commands) => {
      const failed: Error[] = [];
      for (const command of commands ?? []) {
        const attempt = runOne(command, { signal: AbortSignal.timeout(cleanUpTime) });
        await attempt.catch((error: Error) => failed.push(error));
      }
      return failed;
    },
  };
}
