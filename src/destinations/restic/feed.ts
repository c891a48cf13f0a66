/**
 * A stream into `restic backup --stdin`. Its end is restic's commit, so it is given only when everything is known to be whole.
 * The first bytes are kept until restic surely reads: one that stops at a lock is then started again with them.
 */
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ResticFault } from './faults.ts';
import type { Child, Program } from './program.ts';
import { readSummary } from './summary.ts';

/** More than a kernel holds between two processes. */
const sure = 4 * 1024 * 1024;
/** Milliseconds for restic to give its lock back when it is told to stop. */
const mercy = 5000;

export class Feed {
  private child: Child;
  private kept: Uint8Array[] | null = [];
  private keptSize = 0;
  private size = 0;
  private isStopped = false;

  constructor(
    private readonly program: Program,
    private readonly words: readonly string[],
    private readonly key: string,
  ) {
    this.child = this.begin();
  }

  async write(batch: readonly Uint8Array[]): Promise<void> {
    const bytes = batch.reduce((sum, { length }) => sum + length, 0);
    this.size += bytes;
    if (this.kept) {
      // The caller's memory is its own again when this is over.
      this.kept.push(...batch.map((part) => Buffer.from(part)));
      this.keptSize += bytes;
    }
    await this.surely((isAgain) => send(this.child.stdin!, isAgain ? this.kept! : batch));
    if (this.keptSize > sure) this.kept = null;
  }

  /** Gives the end: restic makes its snapshot. Rejects when it counted other bytes than were sent. */
  async end(): Promise<{ id: string; size: number }> {
    return await this.surely(async (isAgain) => {
      if (isAgain) await send(this.child.stdin!, this.kept!);
      this.child.stdin!.end();
      const ended = await this.child;
      if (ended.exitCode !== 0) throw new Error('the end is told below');
      return readSummary(ended.stdout, this.key);
    });
  }

  /** Ends it before its end. Never rejects; when it is over, restic runs no more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.child.kill('SIGINT');
    const last = setTimeout(() => this.child.kill('SIGKILL'), mercy);
    await this.child;
    clearTimeout(last);
  }

  private async surely<T>(act: (isAgain: boolean) => Promise<T>): Promise<T> {
    let isAgain = false;
    const { patience, initialize } = this.program.options;
    return await this.program.patiently({ patience, mayMake: initialize }, async (): Promise<T | ResticFault> => {
      // Restic would take our death for the end of a new one, and commit what it has.
      if (this.isStopped) throw new Error('the stream was stopped');
      if (isAgain) this.child = this.begin();
      try {
        return await act(isAgain);
      } catch (error) {
        const fault = await this.verdict(error);
        if (!this.kept || this.isStopped) throw fault;
        isAgain = true;
        return fault;
      }
    });
  }

  /** Why the pipe broke: what restic says, where it has ended by itself. */
  private async verdict(error: unknown): Promise<ResticFault> {
    const ended = await Promise.race([this.child, sleep(mercy, null)]);
    if (ended === null) throw error;
    const doing = `take in ${this.key}`;
    if (ended.exitCode === 0) throw error;
    return this.program.fault(doing, { ...ended, stderr: this.program.redacted(ended.stderr) });
  }

  private begin(): Child {
    const child = this.program.start(['backup', '--json', '--quiet', ...this.words], { stdin: 'pipe' });
    // What became of it is told by how it ended.
    child.stdin!.on('error', () => {});
    return child;
  }
}

function send(stdin: Writable, batch: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    stdin.cork();
    for (const part of batch.slice(0, -1)) stdin.write(part);
    stdin.write(batch.at(-1) ?? Buffer.alloc(0), (error) => (error ? reject(error) : resolve()));
    stdin.uncork();
  });
}
