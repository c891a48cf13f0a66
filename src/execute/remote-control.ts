/** Our end of the control line of a program that runs elsewhere: see remote-script.ts. */
import { Writable } from 'node:stream';
import { encodeWord } from './guard.ts';

/** What the script is told before it starts the program. Paths are of the other machine. */
export type Header = {
  env: Record<string, string>;
  work?: string;
  /** The private directory is this program's alone and goes with it. */
  brief?: boolean;
  files: { path: string; text: string }[];
  feed: { fd: number; bytes: Uint8Array }[];
  cwd?: string;
};

/** Bytes of one frame: each starts a program there. */
const frameBytes = 1024 * 1024;
/** Milliseconds for which a smaller one waits for more. */
const patience = 20;

export function headerText(header: Header, asks: { input: boolean; signals: boolean }): string {
  const { env, work, brief, files, feed, cwd } = header;
  const lines = [
    ...Object.entries(env).map(([name, value]) => `e ${encodeWord(`${name}=${value}`)}`),
    ...(work === undefined ? [] : [`w ${encodeWord(work)}`]),
    ...(brief ? ['t'] : []),
    ...files.map(({ path, text }) => `f ${encodeWord(path)} ${encodeWord(text)}`),
    ...feed.map(({ fd, bytes }) => `d ${fd} ${encodeWord(bytes)}`),
    ...(cwd === undefined ? [] : [`c ${encodeWord(cwd)}`]),
    ...(asks.input ? ['i'] : []),
    ...(asks.signals ? ['p'] : []),
  ];
  return `${lines.map((line) => `${line}\n`).join('')}\n`;
}

/** The program's standard input as frames on the control line. Only `end` tells it that the input is complete. */
export class Frames extends Writable {
  private waiting: Buffer[] = [];
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly control: Writable,
    private readonly nonce: string,
  ) {
    super({ highWaterMark: frameBytes });
    control.on('error', (error) => this.destroy(error));
    control.on('close', () => this.destroy(this.writableFinished ? undefined : new Error('The connection is gone.')));
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) this.take(chunk);
    this.settle(done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.take(chunk);
    this.settle(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.flush(() => this.control.write(`0 ${this.nonce}\n`, (error) => done(error)));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.timer);
    done(error);
  }

  private take(chunk: Buffer): void {
    this.waiting.push(chunk);
    this.bytes += chunk.length;
  }

  /** What is too small for a frame waits a moment; the writer need not. */
  private settle(done: (error?: Error | null) => void): void {
    if (this.bytes >= frameBytes) {
      this.flush(done);
      return;
    }
    this.timer ??= setTimeout(() => this.flush(() => {}), patience);
    done();
  }

  private flush(done: (error?: Error | null) => void): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { waiting, bytes } = this;
    this.waiting = [];
    this.bytes = 0;
    if (bytes === 0) {
      done();
      return;
    }
    this.control.cork();
    this.control.write(`${bytes}\n`);
    for (const [index, chunk] of waiting.entries()) {
      if (index < waiting.length - 1) this.control.write(chunk);
      else this.control.write(chunk, (error) => done(error));
    }
    this.control.uncork();
  }
}
