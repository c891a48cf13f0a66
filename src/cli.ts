/** argv and exit codes, nothing else. */
import { setFlagsFromString } from 'node:v8';
import { parseCommandLine } from './commands/command-line.ts';
import { readEnvironment } from './commands/environment.ts';
import { reportError } from './commands/errors.ts';
import { listenToSignals } from './commands/signals.ts';
import { ExitCode } from './diagnostic.ts';
import { openTerminal } from './report/terminal.ts';

// Most commands are over before optimized code has paid for its compilation, which took a third of the processor time of
// `validate`: there a function must run some 15 times as long as usual before it is optimized. Later V8s wait by themselves.
if (process.version.startsWith('v20.')) setFlagsFromString('--interrupt-budget=1000000');
// V8 would mark the whole heap every 20 MB of a stream, for buffers outside of it that are mostly dead: half the processor's time of
// a download. execute/collect.ts has them collected. Here and nowhere later: V8 crashes when this changes while it marks.
setFlagsFromString('--no-incremental-marking');
process.umask(0o077);
const terminal = openTerminal(process, process.env);
const signals = listenToSignals(terminal);

async function main(): Promise<ExitCode> {
  try {
    const parsed = parseCommandLine(process.argv.slice(2), terminal);
    if (parsed === null) return ExitCode.success;
    const { verb, invocation } = parsed;
    const environment = readEnvironment(invocation.options.envFile, process.env);
    const { run } = await verb.load();
    const host = {
      terminal,
      environment,
      get signal() {
        return signals.signal();
      },
    };
    return signals.exitCode(await run(invocation, host));
  } catch (error) {
    return signals.exitCode(await reportError(error, terminal));
  }
}

async function end(code: ExitCode): Promise<void> {
  const lost = await terminal.flush();
  const worse = lost && code === ExitCode.success ? await reportError(lost, terminal) : code;
  process.exit(worse);
}

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error) => void reportError(error, terminal).then(end));
}
// Node ends with 0 when nothing is left that could happen, whatever is still awaited: that must never look like a success.
process.once('beforeExit', () => {
  const fault = new Error('nothing was left to wait for, and the command had not ended');
  void reportError(fault, terminal).then(end);
});
void main().then(end);
