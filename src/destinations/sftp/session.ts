/** One session of SFTP: requests go out as they come, many at once, and their answers come back by number. */
import type { Readable, Writable } from 'node:stream';
import { RunnerError } from '../../diagnostic.ts';
import { NotSftp, Packets } from './packets.ts';
import { Answer, Ask, type Field, Fields, packet, Status } from './wire.ts';

/** A way to a server that speaks SFTP: a program's standard input and output. */
export type Line = {
  input: Writable;
  output: Readable;
  /** Resolves when the other end is gone, with why. */
  ended: Promise<Ended>;
  /** Ends it: by the end of its input, and if that does not help or `now`, by force. */
  end(now?: boolean): Promise<void>;
};

/**
 * The session is over; what was asked and not answered may have been done or not. `cut`: it had begun, and a new one may do better;
 * `away`: there was none, and later there may be; `never`: somebody must change something first.
 */
export class Ended extends RunnerError {
  constructor(
    message: string,
    readonly how: 'cut' | 'away' | 'never',
  ) {
    super(message);
  }

  /** Whether trying again may help. */
  get transient(): boolean {
    return this.how !== 'never';
  }
}

/** The server answered, and it was a no. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

type Waiting = {
  /** The type of answer that it wants. */
  wanted: number;
  slow: boolean;
  resolve(fields: Fields): void;
  reject(error: Error): void;
};

/** What a request has beside its fields: data behind them; `slow` where the server may take ten times as long. */
type More = { data?: readonly Uint8Array[]; slow?: boolean };

/** An answer to come, and the moment from which the request's own memory may be used again. */
export type Asked = { answer: Promise<Fields>; sent: Promise<void> };

export class Session {
  /** Names of the server's extensions, and what it says of each. */
  readonly extensions = new Map<string, string>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly clock: NodeJS.Timeout;
  private number = 0;
  /** When something last came or was taken, by a clock that nobody sets. */
  private moved = performance.now();
  private fault: Ended | null = null;

  /** `patience` in seconds: without any answer for so long the session is over. */
  private constructor(
    private readonly line: Line,
    private readonly patience: number,
  ) {
    const packets = new Packets((body) => this.take(body));
    line.output.on('data', (chunk: Buffer) => this.guarded(() => packets.push(chunk)));
    line.input.on('error', () => {});
    line.output.on('error', () => {});
    void line.ended.then((why) => this.fail(why));
    this.clock = setInterval(() => this.look(), Math.min(1000, patience * 250));
    this.clock.unref();
  }

  /** Agrees on the version. Rejects with Ended. */
  static async begin(line: Line, patience: number): Promise<Session> {
    const session = new Session(line, patience);
    const hello = new Promise<Fields>((resolve, reject) => {
      session.waiting.set(0, { wanted: Answer.version, slow: false, resolve, reject });
    });
    line.input.write(packet(Ask.init, [3]));
    const fields = await hello;
    session.guarded(() => {
      const version = fields.number32();
      if (version !== 3) throw new Ended(`its server speaks version ${version} of SFTP, and 3 is needed`, 'never');
      while (fields.left > 0) session.extensions.set(fields.text(), fields.text());
    });
    if (session.fault) throw session.fault;
    return session;
  }

  get over(): boolean {
    return this.fault !== null;
  }

  /** Resolves with the fields of the answer. Rejects with Refused, or with Ended. */
  ask(type: number, fields: readonly Field[], wanted: number = Answer.status, more: More = {}): Promise<Fields> {
    return this.send(type, fields, wanted, more).answer;
  }

  send(type: number, fields: readonly Field[], wanted: number = Answer.status, { data = [], slow = false }: More = {}) {
    if (this.fault) return { answer: Promise.reject(this.fault), sent: Promise.resolve() };
    this.number = (this.number % 0xffff_ffff) + 1;
    const number = this.number;
    // Nobody answers while nothing is asked: the time begins now.
    if (this.waiting.size === 0) this.moved = performance.now();
    const answer = new Promise<Fields>((resolve, reject) =>
      this.waiting.set(number, { wanted, slow, resolve, reject }),
    );
    const following = data.reduce((sum, { length }) => sum + length, 0);
    const { input } = this.line;
    input.cork();
    const sent = new Promise<void>((resolve) => {
      const done = () => {
        this.moved = performance.now();
        resolve();
      };
      const parts = [packet(type, [number, ...fields], following), ...data];
      for (const [index, part] of parts.entries()) input.write(part, index === parts.length - 1 ? done : undefined);
    });
    process.nextTick(() => input.uncork());
    return { answer, sent };
  }

  /** Ends it in good order. */
  async close(): Promise<void> {
    this.fail(new Ended('it was closed', 'never'));
    await this.line.end();
  }

  private take(body: Buffer): void {
    this.moved = performance.now();
    const type = body[0]!;
    const fields = new Fields(body.subarray(1));
    const number = type === Answer.version ? 0 : fields.number32();
    const waiting = this.waiting.get(number);
    if (!waiting) throw new RangeError('an answer to nothing that was asked');
    // What makes no sense ends the session, and this question with all the others.
    if (type !== Answer.status && type !== waiting.wanted)
      throw new RangeError(`an answer of type ${type} where ${waiting.wanted} was wanted`);
    const status = type === Answer.status ? fields.number32() : Status.ok;
    const isAnswer = type === waiting.wanted && status === Status.ok;
    const said = !isAnswer && fields.left >= 4 ? fields.text() : '';
    this.waiting.delete(number);
    if (isAnswer) waiting.resolve(fields);
    else waiting.reject(new Refused(status, said));
  }

  /** What a server may not send ends the session. */
  private guarded(act: () => void): void {
    if (this.fault) return;
    try {
      act();
    } catch (error) {
      this.fail(error instanceof Ended ? error : new Ended(strange(error as Error), 'never'));
      void this.line.end(true);
    }
  }

  private look(): void {
    if (this.waiting.size === 0) return;
    const [oldest] = this.waiting.values();
    const patience = this.patience * (oldest!.slow ? 10 : 1);
    if (performance.now() - this.moved < patience * 1000) return;
    this.fail(new Ended(`its server has not answered for ${patience} s: the connection was given up`, 'cut'));
    void this.line.end(true);
  }

  private fail(why: Ended): void {
    if (this.fault) return;
    this.fault = why;
    clearInterval(this.clock);
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
  }
}

function strange(error: Error): string {
  if (!(error instanceof NotSftp)) return `its server sends what it may not (${error.message})`;
  const shown = JSON.stringify(error.beginning);
  return `its server sends something else than SFTP (it begins with ${shown}): the account's shell may print a greeting, which only an interactive shell may (see its .bashrc), or take \`Subsystem sftp internal-sftp\``;
}
