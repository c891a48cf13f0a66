/** Starts a program elsewhere. It looks like one of here: one `Started`, one `Ended`. See remote-script.ts for the protocol. */
import type { Readable, Writable } from 'node:stream';
import { RunnerError } from '../diagnostic.ts';
import { lastLines } from './blame.ts';
import type { Guard } from './guard.ts';
import type { Fault, Launch } from './launch.ts';
import { type End, neverRan, type Started, startProcess, type Translated, tooSlow } from './process.ts';
import { within } from './pump.ts';
import { clientArgv } from './remote-client.ts';
import { Frames, headerText } from './remote-control.ts';
import type { RemoteLaunch } from './remote-launch.ts';
import { type Output, type OutputReport, outputOf, type RemoteOutput } from './remote-output.ts';
import { remoteScript } from './remote-script.ts';
import { TransientError } from './transient.ts';

/** Milliseconds between two signs of life: the other end gives up when some four of them are missing. */
const heartbeat = 2_000;
/** Seconds in which the other end may end its program, for which it takes 5 itself, before we cut the line. */
const graceSeconds = 7;
const longestTimer = 2 ** 31 - 1;

/** What stands in the status of a shell whose program was ended by a signal. */
const signals: Record<number, string> = { 134: 'SIGABRT', 137: 'SIGKILL', 139: 'SIGSEGV', 143: 'SIGTERM' };

/** Starts it in this tick, as a program of here would be. */
export function startRemote(
  launch: Launch,
  remote: RemoteLaunch,
  stdin: 'ignore' | 'pipe' | Readable,
  stdout: Output,
  guard: Pick<Guard, 'watch' | 'unwatch'>,
): Started {
  if (typeof stdin === 'object')
    throw new Error('a program elsewhere is the first of its pipeline, or takes its input from us');
  const asks = { input: stdin === 'pipe', signals: stdout === 'live' };
  const header = headerOf(remote, asks);
  if ([...launch.argv, ...Object.values(header.env)].some((text) => text.includes('\0')))
    return neverRan(
      launch,
      new RunnerError(`"${launch.argv[0]}" was not started: an argument or variable of it holds a NUL character.`),
    );
  let fault: Fault | undefined;
  let over = false;
  let beating: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let output: RemoteOutput | undefined;
  let isEnding = false;
  const client = startProcess(clientLaunch(launch, remote), 'pipe', 'pipe', guard, async (end, said) => {
    clearInterval(beating);
    clearTimeout(timer);
    // An ssh that shares a connection has handed its end of the line on: only we can close it.
    client.stdin?.destroy();
    const report = await output?.report;
    if (!report) return { exitCode: null, signal: null };
    over = true;
    const translated = judged({ end, report, said, asked: isEnding }, launch, remote);
    return { ...translated, ...(fault && { fault }), where: remote.client.label };
  });
  const ended = client.ended.then((end) => ({ ...end, argv: launch.argv }));
  if (!client.running) return { ...client, ended };
  output = outputOf(client.stdout as Readable, remote.nonce, stdout, guard);
  const control = client.stdin as Writable;
  control.write(headerText(header, asks));
  const input = asks.input ? new Frames(control, remote.nonce) : null;
  input?.on('error', () => {});
  beating = setInterval(() => control.write('+\n'), heartbeat);
  const endThere = async (reason: Fault): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    control.write('x\n');
    await within(graceSeconds, ended);
    client.stop(reason);
    output?.stop(reason);
  };
  const stop = (reason: Fault): void => {
    if (over) return;
    fault ??= reason;
    void endThere(reason);
  };
  if (launch.timeout !== undefined)
    timer = setTimeout(
      () => stop({ kind: 'timeout', error: tooSlow(launch) }),
      Math.min(launch.timeout * 1000, longestTimer),
    );
  // Nobody reads any more, or nothing more will come: the program there would go on for nothing.
  void output.report.then((report) => {
    if ((report.broken || report.status === undefined) && !over)
      void endThere({ kind: 'collateral', error: new Error('Nobody reads its output.') });
  });
  const finish: Started['finish'] = async (how, seconds) => {
    if (how === 'end-of-input') input?.end();
    else control.write(`s ${how.replace(/^SIG/, '')}\n`);
    const last = setTimeout(() => {
      void endThere({ kind: 'killed', error: new Error('It did not end when it was told to.') });
    }, seconds * 1000);
    const end = await ended;
    clearTimeout(last);
    return end;
  };
  return { stdin: input, stdout: output.stdout, running: true, stop, finish, ended };
}

/** Input, signals and descriptors go through files: a program without a private directory gets one for its time. */
function headerOf(
  { header, ownDirectory }: RemoteLaunch,
  asks: { input: boolean; signals: boolean },
): RemoteLaunch['header'] {
  const wants = asks.input || asks.signals || header.feed.length > 0;
  return header.work === undefined && wants ? { ...header, work: ownDirectory, brief: true } : header;
}

function clientLaunch(launch: Launch, { client, nonce, environment, directory }: RemoteLaunch): Launch {
  return {
    argv: clientArgv(client, ['sh', '-c', remoteScript, 'runner', nonce, ...launch.argv]),
    env: environment,
    feed: [],
    exits: launch.exits,
    ...(directory === undefined ? {} : { cwd: directory }),
  };
}

type Found = { end: End; report: OutputReport; said: string; asked: boolean };

/** How the program there ended, as far as that is known: the client's own word for it is never enough. */
function judged({ end, report, said, asked }: Found, { argv }: Launch, { client }: RemoteLaunch): Translated {
  const { bytes, status, word } = report;
  const where = client.label;
  const program = `"${argv[0]}"`;
  const why = lastLines(said) || lastLines(report.said ?? '');
  const cut = (sentence: string): Translated => {
    const error = new TransientError(`${sentence}${why === '' ? '' : `: ${why}`}`);
    return { exitCode: null, signal: null, bytes, fault: { kind: 'cut', error } };
  };
  if (report.failure) return { exitCode: null, signal: null, bytes, fault: { kind: 'cut', error: report.failure } };
  if (report.broken) return { exitCode: 141, signal: null, bytes };
  if (!report.begun)
    return cut(`${where} cannot be reached (${ending(end, client.argv)}), so ${program} was not started`);
  if (status === undefined)
    return cut(`the connection to ${where} was cut before ${program} had ended there (${ending(end, client.argv)})`);
  if (end.exitCode !== 0)
    return cut(`the connection to ${where} was cut when ${program} had ended there (${ending(end, client.argv)})`);
  if (word === 'missing')
    return missing(`${program} was not found in ${where}: install it there or correct the plan.`, bytes);
  if (word === 'ended' && !asked)
    return cut(`${where} had heard nothing of us for too long, so ${program} was ended there`);
  if (word !== undefined && word !== 'ended') return missing(`${program} was not started in ${where}: ${why}.`, bytes);
  const signal = signals[status];
  return signal === undefined ? { exitCode: status, signal: null, bytes } : { exitCode: null, signal, bytes };
}

function missing(message: string, bytes: number): Translated {
  return { exitCode: null, signal: null, bytes, fault: { kind: 'not-found', error: new RunnerError(message) } };
}

function ending({ exitCode, signal }: End, [program]: string[]): string {
  return signal === null ? `"${program}" exited with ${exitCode}` : `"${program}" was killed by ${signal}`;
}
