/** The two streams of the process: data on standard output, everything else on standard error. */
import { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';

export type Terminal = {
  /** Data. Once the reader has gone (`| head`), nothing more is written and nothing fails. */
  data(text: string): void;
  /** Standard output for bytes at the reader's own pace; fails with EPIPE once the reader has gone. */
  bytes(): Writable;
  /** Progress, warnings and errors. */
  say(text: string): void;
  /** Whether a person sits there: both can be asked and can answer. */
  readonly interactive: boolean;
  /** Whether progress may be drawn. */
  readonly animated: boolean;
  /** Whether standard error takes colours (`NO_COLOR` and `TERM=dumb` are honoured). */
  readonly color: boolean;
  /** Whether the reader of standard output has gone. */
  readonly deaf: boolean;
  /** Resolves when everything has left the process; with the error when data was lost on its way. */
  flush(): Promise<Error | null>;
};

type Streams = { stdin: { isTTY?: boolean }; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream };

export function openTerminal(streams: Streams, environment: Record<string, string | undefined>): Terminal {
  const { stdin, stdout, stderr } = streams;
  const gone = new Set<unknown>();
  let lost: Error | null = null;
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough is no fault; a full disk behind `> file` is one.
      if (error.code !== 'EPIPE' && stream === stdout) lost ??= error;
      gone.add(stream);
    });
  }
  const put = (stream: NodeJS.WriteStream) => (text: string) => {
    if (!gone.has(stream) && text !== '') stream.write(text);
  };
  const plain = environment.NO_COLOR !== undefined && environment.NO_COLOR !== '';
  // A terminal without a width (a bare pseudo-terminal) has no room to draw in.
  const tty = stderr.isTTY === true && environment.TERM !== 'dumb' && stderr.columns > 0;
  return {
    data: put(stdout),
    bytes: () => new Writable({ write: (chunk: Buffer, _encoding, done) => void stdout.write(chunk, done) }),
    say: put(stderr),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    animated: tty,
    color: tty && !plain,
    get deaf() {
      return gone.has(stdout);
    },
    flush: async () => {
      await Promise.all([drained(stdout, gone), drained(stderr, gone)]);
      // The error of a write that failed at once is told a turn later.
      await new Promise((resolve) => setImmediate(resolve));
      return lost;
    },
  };
}

function drained(stream: NodeJS.WriteStream | WriteStream, gone: Set<unknown>): Promise<void> {
  return new Promise((resolve) => {
    if (gone.has(stream)) resolve();
    else stream.write('', () => resolve());
  });
}
