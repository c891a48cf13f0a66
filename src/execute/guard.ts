import { spawn } from 'node:child_process';
import { RunnerError } from '../diagnostic.ts';
import { runVariable } from './environment.ts';
import { guardScript } from './guard-script.ts';

/** A small process that outlives a killed runner and cleans up after it. */
export type Guard = {
  /** A process group that is ended at our death. */
  watch(processGroup: number): void;
  unwatch(processGroup: number): void;
  /** A directory or file (absolute path) that is removed at our death. */
  removeLater(path: string): void;
  keep(path: string): void;
  /** A program that is run at our death, the last armed first. `id` is any text; arming it again replaces it. */
  arm(id: string, argv: readonly string[]): void;
  disarm(id: string): void;
  /** The run ends in good order: the guard leaves at once and does nothing. */
  end(): Promise<void>;
};

/**
 * Starts it in a session of its own, out of reach of the terminal's signals. It reads what it must know from its standard
 * input; when that ends without a word, however we died, it ends the watched groups (TERM, 1 s, KILL), kills what carries
 * the run's id in its environment (Linux), runs the armed programs and removes the named paths. A service that a hook
 * started in this run carries the id too, unless it was started through its manager. Throws a RunnerError where no `sh`
 * can be started.
 */
export function startGuard(runId: string): Guard {
  const environment: NodeJS.ProcessEnv = { ...process.env };
  // It must not find itself; and the guard of a run inside a run must outlive the outer one's sweep.
  delete environment[runVariable];
  const child = spawn('/bin/sh', ['-c', guardScript, 'runner-guard', runId], {
    cwd: '/',
    env: environment,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => {});
  if (child.pid === undefined) {
    throw new RunnerError('/bin/sh cannot be started: it is needed to clean up should the runner be killed.');
  }
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { stdin } = child;
  stdin.on('error', () => {});
  child.unref();
  (stdin as unknown as { unref(): void }).unref();
  const slots = new Map<string, number>();
  const slotOf = (id: string) => {
    const slot = slots.get(id) ?? slots.size;
    slots.set(id, slot);
    return String(slot);
  };
  const tell = (...words: string[]) => void stdin.write(`${words.join(' ')}\n`);
  return {
    watch: (group) => tell('watch', String(group)),
    unwatch: (group) => tell('unwatch', String(group)),
    removeLater: (path) => tell('remove', encodeWord(path)),
    keep: (path) => tell('keep', encodeWord(path)),
    arm: (id, argv) => tell('arm', slotOf(id), ...argv.map((word) => encodeWord(word))),
    disarm: (id) => tell('disarm', slotOf(id)),
    end: async () => {
      child.ref();
      stdin.end('end\n');
      await gone;
    },
  };
}

/** One word of our scripts' language, behind `=`: what is not plainly a name is an octal escape for `printf %b`. */
export function encodeWord(text: string | Uint8Array): string {
  const bytes = Buffer.from(text).toString('latin1');
  const escaped = bytes.replaceAll(/[^A-Za-z0-9/._-]/g, (character) => {
    return `\\0${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
  });
  return `=${escaped}`;
}
