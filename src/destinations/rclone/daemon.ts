/**
 * One rclone that stays and answers on the loopback, for everything but streams: started for each call, it would cost a listing
 * of the lease or a small file a tenth of a second each. A random password in its environment keeps others out.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { RunnerError } from '../../diagnostic.ts';
import { Client } from './client.ts';
import { Fault, lastWords } from './faults.ts';

export type Daemon = {
  client: Client;
  /** Ends rclone; what it was given in private files is gone afterwards. */
  close(): Promise<void>;
};

export type DaemonOptions = {
  environment: Record<string, string>;
  flags: readonly string[];
  /** Goes with rclone, however it ends. */
  privateFolder: string;
  /** Seconds for which the answer to something small is waited for. */
  patience: number;
};

/**
 * It outlives us by a moment, however we end: the end of its input is what ends rclone. Only rclone keeps the pipe of errors, so
 * the end of that is rclone's. It has a process group of its own, all of which ends: `rclone` may be a script that starts the program.
 */
const script = `"$@" & child=$!
exec 2>/dev/null
cat >/dev/null
trap '' TERM
kill 0
wait "$child"
rm -rf "$RUNNER_PRIVATE"`;

/** Seconds in which it must be ready. */
const patience = 30;

/** Starts it. Rejects with a Fault of what it said when it ended instead. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { execa } = await import('execa');
  const [user, password] = [randomBytes(8).toString('hex'), randomBytes(24).toString('hex')];
  const child = execa('/bin/sh', ['-c', script, 'sh', 'rclone', 'rcd', ...options.flags], {
    env: {
      ...options.environment,
      RUNNER_PRIVATE: options.privateFolder,
      RCLONE_RC_ADDR: '127.0.0.1:0',
      RCLONE_RC_USER: user,
      RCLONE_RC_PASS: password,
      RCLONE_RC_SERVE: 'true',
    },
    extendEnv: false,
    // A signal from the terminal is for us: what we do about it may need rclone.
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'pipe',
  });
  child.stdin.on('error', () => {});
  const errors = new ErrorStream(child.stderr);
  const held = [child, child.stdin, child.stderr] as { ref?(): void; unref?(): void }[];
  const stop = async () => {
    // The pipe may be held a little longer than the child lives, by what it had started.
    for (const one of held) one.ref?.();
    child.stdin.end();
    await child;
    await rm(options.privateFolder, { recursive: true, force: true });
  };
  try {
    const url = await errors.find(/Serving remote control on \[?(https?:\/\/[^\s\]]+)/, patience);
    // What nobody closes must not keep the runner alive; at its end the pipe tells.
    for (const one of held) one.unref?.();
    const client = new Client(url, `${user}:${password}`, () => errors.ended, options.patience);
    return {
      client,
      close: async () => {
        client.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The last of what rclone says, and whether it still can. */
class ErrorStream {
  /** What it said last, once it has ended. */
  ended: string | null = null;
  private text = '';
  private look: () => void = () => {};

  constructor(stream: NodeJS.ReadableStream) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      this.text = (this.text + text).slice(-16_384);
      this.look();
    });
    stream.on('close', () => {
      this.ended = lastWords(this.text) || 'it ended without a word';
      this.look();
    });
  }

  find(pattern: RegExp, seconds: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Fault(`it is not ready after ${seconds} s`)), seconds * 1000);
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.look = () => {};
        act();
      };
      this.look = () => {
        const found = pattern.exec(this.text)?.[1];
        if (found !== undefined) settle(() => resolve(found));
        else if (this.ended !== null) settle(() => reject(startFault(this.ended!)));
      };
      this.look();
    });
  }
}

function startFault(said: string): Error {
  if (!/rclone: (not found|command not found|No such file)/i.test(said)) return new Fault(said);
  return new RunnerError(
    'rclone is not installed here, or not on PATH: apt-get install rclone, or rclone.org/downloads.',
  );
}
