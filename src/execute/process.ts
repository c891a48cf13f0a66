import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { RunnerError } from '../diagnostic.ts';
import { endGroup, signalGroup } from './group.ts';
import type { Guard } from './guard.ts';
import type { Ended, Fault, Launch } from './launch.ts';
import { Stderr } from './stderr.ts';
import { TransientError } from './transient.ts';

/** The longest that setTimeout can wait; a longer one would fire at once. */
const longestTimer = 2 ** 31 - 1;
/** A grandchild may hold stderr open for ever; the program itself has ended. */
const stderrSeconds = 0.5;

export type Started = {
  stdin: Writable | null;
  stdout: Readable | null;
  /** False where the program could not be started. */
  running: boolean;
  /** TERM to the process group, 5 s, KILL. What has ended by itself keeps its own verdict. */
  stop(fault: Fault): void;
  /**
   * Tells the program to end, and kills its group when it has not within `seconds`. Resolves when nothing of the group is left. How
   * it ended is its own verdict.
   */
  finish(how: 'end-of-input' | NodeJS.Signals, seconds: number): Promise<Ended>;
  /** Never rejects. Resolves when it is reaped and, after `stop`, its whole group is gone. */
  ended: Promise<Ended>;
};

export type End = { exitCode: number | null; signal: string | null; seconds: number };

/** What the end of a process says of the program that it stands for. */
export type Translated = Pick<Ended, 'exitCode' | 'signal' | 'where' | 'bytes' | 'fault'>;

/**
 * Starts one program as the leader of its own session, so that its descendants can be ended with it. `translate` is asked what
 * its end means where it only stands for another one.
 */
export function startProcess(
  launch: Launch,
  stdin: 'ignore' | 'pipe' | Readable,
  stdout: 'ignore' | 'pipe' | number,
  guard: Pick<Guard, 'watch' | 'unwatch'>,
  translate?: (end: End, stderr: string) => Promise<Translated>,
): Started {
  const began = performance.now();
  const stderr = new Stderr(launch.exits);
  const spawned = spawnGroup(launch, stdin, stdout);
  if (spawned instanceof Error) return neverRan(launch, spawned);
  const { child, failure } = spawned;
  const group = child.pid;
  if (group !== undefined) guard.watch(group);
  let fault: Fault | undefined;
  let reaped = false;
  let ending: Promise<void> | undefined;
  const stop = (reason: Fault) => {
    if (group === undefined) return;
    if (!reaped) fault ??= reason;
    ending ??= endGroup(group);
  };
  const timer =
    launch.timeout === undefined
      ? undefined
      : setTimeout(
          () => stop({ kind: 'timeout', error: tooSlow(launch) }),
          Math.min(launch.timeout * 1000, longestTimer),
        );
  child.stderr?.on('data', (chunk: Buffer) => stderr.take(chunk));
  const conclude = async (): Promise<Ended> => {
    let end: End = await Promise.race([
      failure.then((error): End => {
        fault ??= { kind: 'not-found', error: explain(launch, error) };
        return { exitCode: null, signal: null, seconds: secondsSince(began) };
      }),
      exit(child, began),
    ]);
    reaped = true;
    clearTimeout(timer);
    await closed(child.stderr, stderrSeconds);
    for (const { fd } of launch.feed) (child.stdio[fd] as Writable | undefined)?.destroy();
    await ending;
    if (group !== undefined) guard.unwatch(group);
    const { fault: told, ...meant } = (await translate?.(end, stderr.text())) ?? {};
    fault = told ?? fault;
    end = { ...end, ...meant };
    const judged = fault === undefined ? stderr.verdict(end.exitCode) : { verdict: 'failed' as const, notes: [] };
    return { argv: launch.argv, ...end, stderr: stderr.text(), ...judged, ...(fault && { fault }) };
  };
  const ended = conclude();
  const finish: Started['finish'] = async (how, seconds) => {
    if (how === 'end-of-input') child.stdin?.end();
    else if (!reaped) child.kill(how);
    const last = group === undefined ? undefined : setTimeout(() => signalGroup(group, 'SIGKILL'), seconds * 1000);
    const end = await ended;
    clearTimeout(last);
    if (group !== undefined) await endGroup(group);
    return end;
  };
  return { stdin: child.stdin, stdout: child.stdout, running: group !== undefined, stop, finish, ended };
}

/** A stage that is not even tried, because another one could not be started. */
export function neverRan(launch: Launch, error: Error, kind: Fault['kind'] = 'not-found'): Started {
  const ended: Ended = {
    argv: launch.argv,
    exitCode: null,
    signal: null,
    seconds: 0,
    stderr: '',
    verdict: 'failed',
    notes: [],
    fault: { kind, error },
  };
  const over = Promise.resolve(ended);
  return { stdin: null, stdout: null, running: false, stop: () => {}, finish: () => over, ended: over };
}

/** Resolves when the stream is closed, or destroys it after `seconds` without data. */
export function closed(stream: Readable | null, seconds: number): Promise<void> {
  if (stream === null || stream.closed || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let last: NodeJS.Immediate | undefined;
    const calm = () => {
      clearTimeout(timer);
      clearImmediate(last);
    };
    const wait = () => {
      calm();
      timer = setTimeout(() => {
        // Timers come before what has arrived is read: where this process stood still, it may lie there yet.
        last = setImmediate(() => stream.destroy());
      }, seconds * 1000);
    };
    wait();
    stream.on('data', wait);
    stream.once('close', () => {
      calm();
      resolve();
    });
  });
}

function spawnGroup(
  launch: Launch,
  stdin: 'ignore' | 'pipe' | Readable,
  stdout: 'ignore' | 'pipe' | number,
): { child: ChildProcess; failure: Promise<Error> } | Error {
  const [file, ...rest] = program(launch.argv);
  // Node's own message about it would print the value.
  if ([...launch.argv, ...Object.values(launch.env)].some((text) => text.includes('\0'))) {
    return new RunnerError(`"${file}" was not started: an argument or variable of it holds a NUL character.`);
  }
  const stdio: (string | number | Readable)[] = [stdin, stdout, 'pipe'];
  for (const { fd } of launch.feed) {
    while (stdio.length <= fd) stdio.push('ignore');
    if (stdio[fd] !== 'ignore') return new RunnerError(`Descriptor ${fd} of "${file}" cannot be fed: it is in use.`);
    stdio[fd] = 'pipe';
  }
  try {
    const child = spawn(file as string, rest, {
      // Without it a bash whose input is a socket takes itself for a remote login and runs ~/.bashrc into our stream.
      env: { SHLVL: '1', ...launch.env },
      stdio: stdio as StdioOptions,
      detached: true,
      ...(launch.cwd !== undefined && { cwd: launch.cwd }),
    });
    const failure = new Promise<Error>((resolve) => child.once('error', resolve));
    for (const { fd, bytes } of launch.feed) feed(child.stdio[fd] as Writable, bytes);
    // A program may end without reading: what that means is told by its exit, not by our write.
    for (const stream of child.stdio) stream?.on('error', () => {});
    return { child, failure };
  } catch (error) {
    return explain(launch, error as NodeJS.ErrnoException);
  }
}

function feed(stream: Writable, bytes: Uint8Array): void {
  stream.end(bytes);
  // A socket is readable too; unread, it would keep us alive for as long as some grandchild has it open.
  (stream as unknown as Readable).resume();
}

/** Our own filter programs are no files on PATH; one may stand behind `nice`, or behind what shuts it in. */
function program(argv: readonly string[]): string[] {
  const at = argv.indexOf('runner-builtin');
  const prefixed = at > 0 && ['nice', 'ionice', 'unshare', 'setpriv'].includes(argv[0] ?? '');
  if (at !== 0 && !prefixed) return [...argv];
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return [...argv.slice(0, at), process.execPath, join(directory, 'dist/builtin.js'), ...argv.slice(at + 1)];
}

function exit(child: ChildProcess, began: number): Promise<End> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal, seconds: secondsSince(began) }));
  });
}

export function tooSlow(launch: Launch): Error {
  return new RunnerError(`"${launch.argv[0]}" was ended: it ran longer than its timeout of ${launch.timeout} s.`);
}

function explain(launch: Launch, error: NodeJS.ErrnoException): Error {
  const name = launch.argv[0] as string;
  if (error instanceof RunnerError) return error;
  if (error.code === 'ENOENT' && launch.cwd !== undefined && !existsSync(launch.cwd)) {
    return new RunnerError(`"${name}" was not started: its working directory ${launch.cwd} does not exist.`);
  }
  if (error.code === 'ENOENT') {
    return name.includes('/') && existsSync(name)
      ? new RunnerError(`"${name}" was not started: the interpreter that its first line names is missing.`)
      : new RunnerError(
          `"${name}" was not found${name.includes('/') ? '' : ' on PATH'}: install it or correct the plan.`,
        );
  }
  if (error.code === 'EACCES') return new RunnerError(`"${name}" was not started: it is not an executable file.`);
  if (error.code === 'E2BIG') return new RunnerError(`"${name}" was not started: its arguments are too long.`);
  if (error.code === 'EAGAIN' || error.code === 'ENOMEM' || error.code === 'EMFILE') {
    return new TransientError(`"${name}" was not started: the system is out of processes, files or memory.`);
  }
  return new RunnerError(`"${name}" was not started: ${error.code ?? 'the system refused it'}.`);
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
