/** Starts Git in a repository of ours. */
import type { Readable, Writable } from 'node:stream';

export type GitResult = { ok: boolean; stdout: string; stderr: string };

export type GitOptions = {
  input?: string | Uint8Array;
  /** After so many seconds it is ended; default 600. */
  seconds?: number;
};

/** One that is running. `done` never rejects. */
export type GitProcess = {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  done: Promise<{ failed: boolean }>;
  kill(signal?: NodeJS.Signals): void;
};

/** `directory` is a bare repository; nothing is ever checked out. */
export class Git {
  constructor(
    readonly directory: string,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** The same Git in another repository. */
  in(directory: string): Git {
    return new Git(directory, this.environment);
  }

  /** Runs to its end. Output as latin1 text: a character a byte. */
  async run(words: readonly string[], { input, seconds = 600 }: GitOptions = {}): Promise<GitResult> {
    const { execa } = await import('execa');
    const result = await execa('git', ['--git-dir', this.directory, ...words], {
      env: this.environment,
      extendEnv: false,
      reject: false,
      encoding: 'buffer',
      stripFinalNewline: false,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
      timeout: seconds * 1000,
      maxBuffer: 1024 * 1024 * 1024,
    });
    const stderr = Buffer.from(result.stderr ?? []).toString('utf8');
    const late = result.timedOut ? `fatal: timed out after ${seconds} s\n` : '';
    const missing = result.code === 'ENOENT' ? 'fatal: the program git is not installed here\n' : '';
    return {
      ok: !result.failed,
      stdout: Buffer.from(result.stdout ?? []).toString('latin1'),
      stderr: `${late}${missing}${stderr}`,
    };
  }

  /** Runs to its end and gives the output's bytes; rejects when it fails. */
  async bytes(words: readonly string[]): Promise<Buffer> {
    const { ok, stdout, stderr } = await this.run(words);
    if (!ok) throw new Error(`git ${words[0]} failed in ${this.directory}: ${stderr.trim()}`);
    return Buffer.from(stdout, 'latin1');
  }

  /** One line of output, or null when it fails. */
  async line(words: readonly string[]): Promise<string | null> {
    const { ok, stdout } = await this.run(words);
    return ok ? stdout.trim() : null;
  }

  /** Starts one whose streams are ours to write and read. */
  async start(words: readonly string[]): Promise<GitProcess> {
    const { execa } = await import('execa');
    const child = execa('git', ['--git-dir', this.directory, ...words], {
      env: this.environment,
      extendEnv: false,
      reject: false,
      buffer: false,
      stdin: 'pipe',
    });
    const { stdin, stdout, stderr } = child;
    const done = child.then(({ failed }) => ({ failed }));
    return { stdin, stdout, stderr, done, kill: (signal) => void child.kill(signal) };
  }
}
