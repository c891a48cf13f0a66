/**
 * A folder on a network file system, touched by a process of its own only: an operation that hangs there (a stale handle, a server
 * that is gone) would block a thread of ours for ever, and four of them all work on files. That process is left behind instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Destination, Sink, StoredObject } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { formatDuration } from '../../units.ts';
import { type Answer, type Beginning, errorOf } from './calls.ts';
import type { LocalOptions } from './store.ts';

/**
 * `type` is that of the file system, for its sentences; `timeout`: seconds for one piece of work. The process is started at the
 * first use.
 */
export function openAway(name: string, options: LocalOptions, type: string, timeout: number): Destination {
  return new AwayStore(name, new Helper({ name, options }, type, timeout));
}

/** So many times as long an fsync may take, behind which gigabytes may wait to be sent. */
const durable = 8;

/** The process and the calls that it has not answered yet. */
class Helper {
  private child: ChildProcess | null = null;
  private readonly waiting = new Map<number, (answer: Answer | Error) => void>();
  private last = 0;
  /** Why nothing more is tried; it stays so, since each new try would wait as long. */
  private lost: Error | null = null;

  constructor(
    private readonly beginning: Beginning,
    private readonly type: string,
    readonly timeout: number,
  ) {}

  async call<Value>(object: number, method: string, parameters: unknown[], seconds = this.timeout) {
    if (this.lost) throw this.lost;
    const child = this.started();
    this.last += 1;
    const call = this.last;
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<Answer | Error>((resolve) => {
      this.waiting.set(call, resolve);
      timer = setTimeout(() => this.leave(this.silent(seconds)), seconds * 1000);
      child.ref();
      child.channel?.ref();
      child.send({ call, object, method, parameters }, (error) => error && this.leave(this.ended()));
    });
    clearTimeout(timer);
    this.waiting.delete(call);
    if (this.waiting.size === 0) rest(child);
    if (answer instanceof Error) throw answer;
    if ('fault' in answer) throw errorOf(answer.fault);
    return answer.value as Value;
  }

  close(): void {
    if (this.child?.connected) this.child.disconnect();
    this.child = null;
    this.lost ??= new Error(`${this.beginning.name} was closed`);
  }

  private started(): ChildProcess {
    if (this.child) return this.child;
    // A group of its own, so that a signal from the terminal does not end it before us.
    const child = spawn(process.execPath, ['--', program(), JSON.stringify(this.beginning)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      detached: true,
    });
    child.on('message', (answer: Answer) => this.waiting.get(answer.call)?.(answer));
    child.on('exit', () => this.leave(this.ended()));
    child.on('error', () => this.leave(this.ended()));
    this.child = child;
    rest(child);
    return child;
  }

  /** All that is asked is answered with this, and the process is left to its fate: one that hangs in the kernel cannot even be killed. */
  private leave(error: Error): void {
    this.lost ??= error;
    this.child?.kill('SIGKILL');
    if (this.child?.connected) this.child.disconnect();
    if (this.child) rest(this.child);
    for (const resolve of this.waiting.values()) resolve(this.lost);
  }

  private silent(seconds: number): RunnerError {
    const { name, options } = this.beginning;
    return new RunnerError(
      `Destination ${name}: ${options.root} has not answered for ${formatDuration(seconds)}: its file system (${this.type}) hangs. Look whether its server is there, or mount it again.`,
    );
  }

  private ended(): RunnerError {
    const { name, options } = this.beginning;
    return new RunnerError(`Destination ${name}: the process that works on ${options.root} ended unexpectedly.`);
  }
}

/** Nobody waits for it: it must not keep the runner alive. */
function rest(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

class AwayStore implements Destination {
  constructor(
    readonly name: string,
    private readonly helper: Helper,
  ) {}

  async put(key: string, attempt: string): Promise<Sink> {
    const { helper } = this;
    const sink = await this.ask<number>('put', key, attempt);
    return {
      write: async (batch) => await helper.call(sink, 'write', [batch]),
      prepare: async () => await helper.call(sink, 'prepare', [], durable * helper.timeout),
      publish: async () => await helper.call(sink, 'publish', [], durable * helper.timeout),
      abort: async () => await helper.call(sink, 'abort', []),
    };
  }

  write = (key: string, bytes: Uint8Array): Promise<void> => this.ask('write', key, bytes);
  replace = (key: string, bytes: Uint8Array): Promise<void> => this.ask('replace', key, bytes);
  read = (key: string, limit: number): Promise<Uint8Array> => this.ask('read', key, limit);
  stat = (key: string): Promise<StoredObject | null> => this.ask('stat', key);
  remove = (key: string): Promise<void> => this.ask('remove', key);
  removeAttempt = (key: string, attempt: string): Promise<void> => this.ask('removeAttempt', key, attempt);
  sweep = (folder: string): Promise<void> => this.ask('sweep', folder);
  free = (): Promise<number | null> => this.ask('free');
  clock = (): Promise<Date> => this.ask('clock');

  async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    const stream = await this.ask<number>('get', key, range);
    return Readable.from(this.items<Buffer>(stream), { objectMode: false, highWaterMark: 1024 * 1024 });
  }

  async *list(prefix: string): AsyncIterable<StoredObject[]> {
    yield* this.items<StoredObject[]>(await this.ask<number>('list', prefix));
  }

  async close(): Promise<void> {
    this.helper.close();
  }

  private async ask<Value>(method: string, ...parameters: unknown[]): Promise<Value> {
    return await this.helper.call<Value>(0, method, parameters);
  }

  /** One after another, as they are asked for; whoever leaves early ends it there too. */
  private async *items<Item>(object: number): AsyncGenerator<Item> {
    try {
      for (;;) {
        const item = await this.helper.call<Item | null>(object, 'next', []);
        if (item === null) return;
        yield item;
      }
    } finally {
      await this.helper.call(object, 'end', []).catch(() => {});
    }
  }
}

/** Beside our other programs. */
function program(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return join(directory, 'dist/local-store.js');
}
