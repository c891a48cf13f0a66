/** The bytes of a snapshot's file, by `restic dump`: whole, or an error; never an early end. */
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Unreadable } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { ResticFault } from './faults.ts';
import type { Child, Program } from './program.ts';
import type { Snapshot } from './snapshots.ts';

export type Range = { start: number; end?: number };

/** `id` is the snapshot with the bytes, `size` how many they must be. */
export function dump(
  program: Program,
  { id, key, size }: Pick<Snapshot, 'id' | 'key' | 'size'>,
  range?: Range,
): Readable {
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? size - 1, size - 1);
  if (end < start) return Readable.from([]);
  return new Dump(program, { id, key, size, start, end });
}

class Dump extends Readable {
  private child: Child;
  private at = 0;
  private tries = 0;

  constructor(
    private readonly program: Program,
    private readonly wanted: { id: string; key: string; size: number; start: number; end: number },
  ) {
    super({ highWaterMark: 1024 * 1024 });
    this.child = this.begin([]);
  }

  override _read(): void {
    this.child.stdout?.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.child.kill('SIGINT');
    done(error);
  }

  private begin(words: string[]): Child {
    const { id, key } = this.wanted;
    const child = this.program.start(['dump', ...words, id, `/${key}`], { stdin: 'ignore' });
    child.stdout?.on('data', (chunk: Buffer) => this.received(chunk));
    void this.conclude(child, words);
    return child;
  }

  private received(chunk: Buffer): void {
    const { start, end } = this.wanted;
    const part = chunk.subarray(Math.max(0, start - this.at), Math.max(0, end + 1 - this.at));
    this.at += chunk.length;
    if (part.length > 0 && !this.destroyed && !this.push(part)) this.child.stdout?.pause();
    // The rest need not be read.
    if (this.at > end && end + 1 < this.wanted.size) this.child.kill('SIGINT');
  }

  private async conclude(child: Child, words: string[]): Promise<void> {
    if (child.stdout) await finished(child.stdout).catch(() => {});
    const ended = await child;
    if (this.destroyed) return;
    const { key, size, end } = this.wanted;
    const stderr = this.program.redacted(ended.stderr);
    const isEnough = this.at > end && end + 1 < size;
    if (isEnough || (ended.exitCode === 0 && this.at === size)) this.push(null);
    // Who may only read can make no lock, and needs none.
    else if (words.length === 0 && this.at === 0 && /lock/.test(stderr)) this.child = this.begin(['--no-lock']);
    else if (ended.exitCode !== 0) {
      const fault = this.program.fault(`read ${key}`, { ...ended, stderr });
      this.tries += 1;
      const again = this.at === 0 && (await this.program.mayBeWhole(fault, this.tries));
      if (this.destroyed) return;
      if (again) this.child = this.begin(words);
      else this.destroy(told(fault));
    } else
      this.destroy(
        new RunnerError(
          `Destination ${this.program.options.name}: restic gave ${this.at} bytes of the ${size} of ${key}.`,
        ),
      );
  }
}

/** Damage is a finding about the backup; anything else only says that it could not be read now. */
function told(fault: ResticFault): Error {
  return fault.kind === 'damaged' || fault.kind === 'unfinished' ? new Unreadable(fault.message) : fault;
}
