/** The program restic, run for one repository. Its password and its backend's secrets are in the environment of the child alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, faultOf, type ResticFault } from './faults.ts';
import { watchRetries } from './retries.ts';

export type ResticOptions = {
  /** Of the destination. */
  name: string;
  /** As the plan says it, without secrets. */
  repository: string;
  /** All that the child is given: repository and password among it. */
  environment: Record<string, string>;
  /** Values that no message may show. */
  secrets: readonly string[];
  /** Words of every call: `--cache-dir` and its folder. */
  words: readonly string[];
  /** Makes a repository where there is none. */
  initialize: boolean;
  /** Seconds for which somebody else's lock is waited for. */
  patience: number;
};

export type Child = ReturnType<Program['start']>;
export type Call = {
  /** What is not done when it fails: `list the snapshots`. */
  doing: string;
  input?: Uint8Array;
  /** Seconds that it may take; default 10 minutes. */
  timeout?: number;
  /** Seconds for which a lock is waited for; default: as the plan says. */
  patience?: number;
  /** It writes: where there is no repository it may make one. */
  writes?: true;
};

/** How often what met a file that is not whole yet is tried again. */
const whileUnfinished = 4;

type Execa = typeof import('execa').execa;

export class Program {
  /** Seconds for which a store that fails is asked again; few once it was given up. */
  private fruitless = 30;
  /** A file that was not whole stayed so. */
  private stayed = false;

  constructor(
    private readonly execa: Execa,
    readonly options: ResticOptions,
  ) {}

  /** Starts restic with its standard input open; how it ended is awaited, it never rejects. */
  start(words: readonly string[], o: { stdin: 'pipe' | 'ignore' }) {
    return this.execa('restic', [...this.options.words, ...words], {
      env: this.options.environment,
      extendEnv: false,
      reject: false,
      encoding: 'buffer',
      stripFinalNewline: false,
      stdin: o.stdin,
      buffer: { stdout: o.stdin === 'pipe', stderr: true },
    });
  }

  /** Runs it to its end and gives what it printed. Rejects with a ResticFault, after having waited for locks of others. */
  async run(words: readonly string[], call: Call): Promise<{ stdout: Buffer; stderr: string }> {
    const mayMake = call.writes === true && this.options.initialize;
    return await this.patiently({ patience: call.patience ?? this.options.patience, mayMake }, async () => {
      const child = this.execa('restic', [...this.options.words, ...words], {
        env: this.options.environment,
        extendEnv: false,
        reject: false,
        encoding: 'buffer',
        stripFinalNewline: false,
        timeout: (call.timeout ?? 600) * 1000,
        ...(call.input ? { input: call.input } : { stdin: 'ignore' as const }),
      });
      watchRetries(child.stderr, this.fruitless, (isLock) => {
        if (!isLock) this.fruitless = 3;
        child.kill('SIGTERM');
      });
      const result = await child;
      const stderr = this.redacted(result.stderr);
      if (result.exitCode !== 0) return this.fault(call.doing, { ...result, stderr });
      return { stdout: Buffer.from(result.stdout), stderr };
    });
  }

  /**
   * Repeats what fails for a lock, after the locks that dead processes left are gone, at least once; what fails for want of a
   * repository, once that is made; and what met a file that another was just writing.
   */
  async patiently<T>(o: { patience: number; mayMake: boolean }, act: () => Promise<T | ResticFault>): Promise<T> {
    const deadline = performance.now() + o.patience * 1000;
    let pause = 500;
    for (let tries = 1; ; tries += 1) {
      const answer = await act();
      if (!(answer instanceof Error)) return answer;
      if (answer.kind === 'missing' && o.mayMake && tries === 1) {
        await this.initialize();
      } else if (answer.kind === 'locked' && (tries === 1 || performance.now() + pause < deadline)) {
        await this.unlock();
        if (tries === 1) continue;
        await sleep(pause * (0.5 + Math.random()));
        pause = Math.min(pause * 2, 10_000);
      } else if (!(await this.mayBeWhole(answer, tries))) throw answer;
    }
  }

  /** Waits for a file that another is just writing, and says whether to look again: what stays as it is is damage from then on. */
  async mayBeWhole(fault: ResticFault, tries: number): Promise<boolean> {
    if (fault.kind !== 'unfinished' || this.stayed) return false;
    this.stayed = tries > whileUnfinished;
    if (!this.stayed) await sleep(250 * 2 ** tries * (0.5 + Math.random()));
    return !this.stayed;
  }

  fault(doing: string, ended: Ended): ResticFault {
    return faultOf(this.options, doing, ended);
  }

  redacted(stderr: Uint8Array): string {
    let text = Buffer.from(stderr).toString();
    for (const secret of this.options.secrets) text = text.replaceAll(secret, '***');
    return text;
  }

  /** Removes the locks that restic itself calls stale: of processes of this machine that are gone, or half an hour old. */
  private async unlock(): Promise<void> {
    const child = this.start(['unlock'], { stdin: 'ignore' });
    // A lock that has gone is what it would ask for too, for up to a minute.
    watchRetries(child.stderr!, this.fruitless, () => child.kill('SIGTERM'));
    await child;
  }

  private async initialize(): Promise<void> {
    const ended = await this.start(['init'], { stdin: 'ignore' });
    const stderr = this.redacted(ended.stderr);
    // Another one may have been faster.
    if (ended.exitCode !== 0 && !/already (exists|initialized)/.test(stderr))
      throw this.fault('make the repository', { ...ended, stderr });
  }
}
