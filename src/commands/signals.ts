import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { Terminal } from '../report/terminal.ts';

type Caught = 'SIGINT' | 'SIGTERM';

const codes = { SIGINT: ExitCode.interrupted, SIGTERM: ExitCode.terminated } as const;

/**
 * The first SIGINT or SIGTERM aborts; later ones only say that it is being undone. Signals keep their usual effect until
 * somebody asks for `signal`: a command that leaves nothing behind ends at once.
 */
export function listenToSignals(terminal: Terminal): {
  signal(): AbortSignal;
  exitCode(code: ExitCode): ExitCode;
} {
  const controller = new AbortController();
  let first: Caught | null = null;
  let listening = false;
  const caught = (name: Caught): void => {
    if (first !== null) {
      terminal.say('runner: still undoing what was begun\n');
      return;
    }
    first = name;
    terminal.say(`runner: ${name}: stopping and undoing what was begun\n`);
    controller.abort(new RunnerError('the run was interrupted', { exitCode: codes[name] }));
  };
  return {
    signal: () => {
      if (!listening) {
        listening = true;
        process.on('SIGINT', () => caught('SIGINT'));
        process.on('SIGTERM', () => caught('SIGTERM'));
      }
      return controller.signal;
    },
    // What was complete before the signal could stop it stays a success.
    exitCode: (code) => (first === null || code === ExitCode.success ? code : codes[first]),
  };
}
