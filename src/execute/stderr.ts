import type { ExitRule } from '../command.ts';
import type { Verdict } from './launch.ts';

const keptBytes = 64 * 1024;
const lineLimit = 8 * 1024;
const noteLimit = 20;
const severity = { ignore: 0, warning: 1, partial: 2 } as const;

type Means = keyof typeof severity;
type Ruling = {
  code: number;
  lines: { pattern: RegExp; means: Means }[];
  worst: Means;
  explained: number;
  foreign: boolean;
};

/**
 * Keeps the end of a program's stderr and judges every line of it as it passes: a fatal line that a flood of harmless
 * ones pushed out of the kept end still counts.
 */
export class Stderr {
  private chunks: Buffer[] = [];
  private bytes = 0;
  private line = '';
  private readonly decoder = new TextDecoder();
  private readonly rulings: Ruling[];
  private readonly notes: string[] = [];

  constructor(exits: readonly ExitRule[]) {
    this.rulings = exits.map((rule) => ({
      code: rule.code,
      lines: rule.lines.map(({ pattern, means }) => ({ pattern: new RegExp(pattern), means })),
      worst: 'ignore',
      explained: 0,
      foreign: false,
    }));
  }

  take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes > 2 * keptBytes) {
      this.chunks = [Buffer.concat(this.chunks).subarray(-keptBytes)];
      this.bytes = keptBytes;
    }
    if (this.rulings.length > 0) this.judge(this.decoder.decode(chunk, { stream: true }));
  }

  text(): string {
    return Buffer.concat(this.chunks).subarray(-keptBytes).toString();
  }

  /** A nonzero exit is excused only where a rule for its code exists and explains every line, and at least one. */
  verdict(exitCode: number | null): { verdict: Verdict; notes: string[] } {
    if (exitCode === 0) return { verdict: 'ok', notes: [] };
    if (this.line !== '') this.judge('\n');
    const ruling = this.rulings.find((candidate) => candidate.code === exitCode);
    if (ruling === undefined || ruling.foreign || ruling.explained === 0) return { verdict: 'failed', notes: [] };
    return { verdict: ruling.worst === 'ignore' ? 'ok' : ruling.worst, notes: this.notes };
  }

  private judge(text: string): void {
    const lines = (this.line + text).split('\n');
    this.line = (lines.pop() ?? '').slice(0, lineLimit);
    for (const line of lines) {
      if (line.trim() === '') continue;
      let worst: Means = 'ignore';
      for (const ruling of this.rulings) {
        const means = ruling.lines.find(({ pattern }) => pattern.test(line))?.means;
        if (means === undefined) ruling.foreign = true;
        else {
          ruling.explained += 1;
          if (severity[means] > severity[ruling.worst]) ruling.worst = means;
          if (severity[means] > severity[worst]) worst = means;
        }
      }
      if (worst !== 'ignore' && this.notes.length < noteLimit) this.notes.push(line);
    }
  }
}
