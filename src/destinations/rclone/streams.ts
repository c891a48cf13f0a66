/** Streams in and out, each by an rclone of its own: it can be killed, and its exit says whether everything was done. */
import { Readable } from 'node:stream';
import { Fault, lastWords } from './faults.ts';
import type { Attend } from './silence.ts';

export type Streams = {
  environment: Record<string, string>;
  flags: readonly string[];
  /** Watches the store while one is under way; rclone is killed when it falls silent. */
  attend: Attend;
};

/** An upload on its way. */
export type Upload = {
  /** Resolves when rclone has taken the bytes. */
  write(batch: readonly Uint8Array[]): Promise<void>;
  /** Ends the input; resolves when rclone has stored everything and says so. */
  end(): Promise<void>;
  /** Kills rclone; resolves when it is gone. Part of what it was given may be there. */
  kill(): Promise<void>;
};

async function start(
  argv: string[],
  { environment, attend }: Streams,
  stdin: 'pipe' | 'ignore',
  stdout: 'pipe' | 'ignore',
) {
  const { execa } = await import('execa');
  const child = execa('rclone', argv, {
    env: environment,
    extendEnv: false,
    // As with the one that stays: a signal from the terminal is for us.
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdin,
    stdout,
    stderr: 'pipe',
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-16_384);
  });
  const ended = attend(async (silent) => {
    silent.addEventListener('abort', () => child.kill('SIGKILL'));
    const { exitCode, signal, message } = await child;
    if (exitCode === 0) return null;
    if (silent.aborted) return silent.reason as Fault;
    const how = exitCode === undefined ? `it ended by ${signal ?? message ?? 'itself'}` : `exit code ${exitCode}`;
    return new Fault(lastWords(said) || how);
  });
  return { child, ended };
}

/** Starts an upload to `place` (`nas:backups/key`), which is replaced. */
export async function upload(place: string, streams: Streams): Promise<Upload> {
  const { child, ended } = await start(['rcat', ...streams.flags, place], streams, 'pipe', 'ignore');
  const stdin = child.stdin!;
  stdin.on('error', () => {});
  return {
    write: async (batch) => {
      const chunks = batch.filter((chunk) => chunk.length > 0);
      if (chunks.length === 0) return;
      stdin.cork();
      const done = new Promise<void>((resolve, reject) => {
        for (const [index, chunk] of chunks.entries()) {
          const last = index === chunks.length - 1;
          stdin.write(chunk, last ? (error) => (error ? reject(error) : resolve()) : undefined);
        }
      });
      stdin.uncork();
      try {
        await done;
      } catch {
        // That the pipe broke says nothing; why rclone left does.
        throw (await ended) ?? new Fault('it ended before everything was written');
      }
    },
    end: async () => {
      stdin.end();
      const fault = await ended;
      if (fault) throw fault;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Streams `count` bytes of `place` from `offset` on; anything else than exactly so many is an error. */
export async function download(
  place: string,
  { offset, count }: { offset: number; count: number },
  streams: Streams,
  explain: (fault: Fault) => Error,
): Promise<Readable> {
  const range = [`--offset=${offset}`, `--count=${count}`];
  const { child, ended } = await start(['cat', ...streams.flags, ...range, place], streams, 'ignore', 'pipe');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let size = 0;
    for await (const chunk of child.stdout! as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      yield chunk;
    }
    const fault = await ended;
    if (fault) throw explain(fault);
    if (size !== count) throw explain(new Fault(`${size} bytes came instead of ${count}`));
  }
  const stream = Readable.from(chunks(), { objectMode: false, highWaterMark: 1024 * 1024 });
  stream.once('close', () => child.kill('SIGKILL'));
  return stream;
}
