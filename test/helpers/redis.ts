/** Real Redis servers of a test's own, and a client that sees every byte. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createClient, RESP_TYPES } from '@redis/client';
import { has } from './programs.ts';
import { removeFolder } from './runner.ts';

/** Whether there is a server with its client and its checker. */
export const hasRedis = (): boolean => has('redis-server', 'redis-cli', 'redis-check-rdb');

/** Where Valkey is: on PATH, or where the tests' own servers lie beside the system's. */
export function valkeyFolder(): string | null {
  const own = join(process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test', 'valkey/usr/bin');
  const folders = [...(process.env.PATH ?? '').split(delimiter), own];
  return folders.find((folder) => folder !== '' && existsSync(join(folder, 'valkey-server'))) ?? null;
}

export type ServerOptions = {
  directory?: string;
  password?: string;
  /** Lines as for the command line: `['--appendonly', 'yes']`. */
  settings?: string[];
  /** Listens on TCP too. */
  port?: number;
  /** Another server of the same protocol. */
  program?: string;
};

export class RedisServer {
  private constructor(
    readonly directory: string,
    readonly options: ServerOptions,
    private child: ChildProcess,
  ) {}

  static async start(options: ServerOptions = {}): Promise<RedisServer> {
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'redis-'));
    mkdirSync(directory, { recursive: true });
    const server = new RedisServer(directory, options, launch(directory, options));
    await server.answering();
    return server;
  }

  get socket(): string {
    return join(this.directory, 's');
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** What redis-cli prints, its newline removed; errors as text. */
  cli(...args: string[]): string {
    const env = {
      PATH: process.env.PATH ?? '',
      ...(this.options.password ? { REDISCLI_AUTH: this.options.password } : {}),
    };
    return execFileSync('redis-cli', ['-s', this.socket, ...args], {
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    }).trimEnd();
  }

  /** With a client that takes and gives bytes. */
  async with<Result>(act: (send: Send) => Promise<Result>): Promise<Result> {
    const { password } = this.options;
    const client = createClient({
      RESP: 2,
      socket: { path: this.socket, tls: false },
      ...(password ? { password } : {}),
    });
    // A server that goes away meanwhile: whoever waits for an answer is told.
    client.on('error', () => {});
    await client.connect();
    const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    try {
      return await act((...args) => bytes.sendCommand(args) as Promise<never>);
    } finally {
      client.destroy();
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    await gone;
  }

  /** The same server again, on the same directory. */
  async start(): Promise<void> {
    this.child = launch(this.directory, this.options);
    await this.answering();
  }

  async end(): Promise<void> {
    await this.stop('SIGKILL');
    removeFolder(this.directory);
  }

  private async answering(): Promise<void> {
    for (let turn = 0; turn < 2400; turn += 1) {
      if (this.child.exitCode !== null) throw new Error('the server ended at once');
      if (existsSync(this.socket) && /^(PONG|NOAUTH|LOADING)/.test(attempt(() => this.cli('PING')))) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the server does not answer');
  }
}

export type Send = <Reply = unknown>(...args: (string | Buffer)[]) => Promise<Reply>;

function attempt(act: () => string): string {
  try {
    return act();
  } catch {
    return '';
  }
}

function launch(
  directory: string,
  { password, settings = [], port = 0, program = 'redis-server' }: ServerOptions,
): ChildProcess {
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--unixsocket',
    join(directory, 's'),
    '--dir',
    directory,
  ];
  const own = [
    '--save',
    '',
    '--repl-diskless-sync-delay',
    '0',
    ...(password === undefined ? [] : ['--requirepass', password]),
    ...settings,
  ];
  return spawn(program, [...args, '--logfile', join(directory, 'log'), ...own], { stdio: 'ignore' });
}

/** Every type, names and values of any bytes, times to live, several databases. */
export async function fill(server: RedisServer): Promise<void> {
  const names = [
    'plain',
    'it\'s "odd" $HOME; `x`',
    'with space',
    'line\nfeed',
    'Größe ✓',
    '-dash',
    '*glob?[a]',
    'cart:1',
    'cart:2',
    '',
  ];
  await server.with(async (send) => {
    for (const name of names) await send('SET', name, `value of ${name}`);
    await send('SET', Buffer.from([0, 255, 13, 10, 128]), Buffer.from([0, 1, 2, 10, 13, 255, 254]));
    await send('SET', 'number', '9007199254740993');
    await send('RPUSH', 'list', ...Array.from({ length: 600 }, (_, i) => `item ${i % 7}`));
    await send('SADD', 'integers', ...Array.from({ length: 40 }, (_, i) => String(i * 3)));
    await send('SADD', 'words', ...Array.from({ length: 700 }, (_, i) => `word ${i}`));
    await send('HSET', 'hash', ...Array.from({ length: 900 }, (_, i) => `${i % 2 ? 'value' : 'field'} ${i}`));
    await send('HSET', 'small', 'a', '1', 'b', Buffer.from([0, 255]));
    await send('ZADD', 'scores', '1.5', 'a', '-inf', 'b', '3.0000000000000004', 'c', '1e300', 'd');
    await send('GEOADD', 'places', '13.361389', '38.115556', 'Palermo', '15.087269', '37.502669', 'Catania');
    await send('PFADD', 'loglog', ...Array.from({ length: 2000 }, (_, i) => `visitor ${i}`));
    await send('SETBIT', 'bits', '100001', '1');
    await send('XADD', 'stream', '1-1', 'field', 'one');
    await send('XADD', 'stream', '2-1', 'field', 'two', 'more', Buffer.from([0, 10]));
    await send('XGROUP', 'CREATE', 'stream', 'group', '0');
    await send('XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', '1', 'STREAMS', 'stream', '>');
    await send('SET', 'expires', 'soon', 'PX', '3600000');
    await send('HSET', 'expiring hash', 'a', 'b');
    await send('PEXPIREAT', 'expiring hash', '4102444800123');
    for (const database of ['1', '9', '15']) {
      await send('SELECT', database);
      await send('SET', `only in ${database}`, database);
      await send('SADD', 'plain', 'a set here');
    }
  });
}

/** `count` small keys. */
export async function populate(server: RedisServer, count: number, prefix = 'key'): Promise<void> {
  const script = 'for i = 1, tonumber(ARGV[1]) do redis.call("SET", ARGV[2] .. ":" .. i, "value " .. i) end';
  await server.with((send) => send('EVAL', script, '0', String(count), prefix));
}

/** Every key of every database: its canonical dump, and when it expires. How a server keeps a collection is not part of it. */
export async function fingerprint(server: RedisServer): Promise<string> {
  return server.with(async (send) => {
    const lines: string[] = [];
    const info = String(await send('INFO', 'keyspace'));
    for (const [, database = ''] of info.matchAll(/^db(\d+):/gm)) {
      await send('SELECT', database);
      const keys = await send<Buffer[]>('KEYS', '*');
      // Many questions are on their way at once: one after the other, most of the time is the way.
      for (let at = 0; at < keys.length; at += 500)
        for (const line of await Promise.all(keys.slice(at, at + 500).map((key) => describe(send, key))))
          lines.push(`${database} ${line}`);
    }
    return lines.sort().join('\n');
  });
}

async function describe(send: Send, key: Buffer): Promise<string> {
  const kind = String(await send('TYPE', key));
  const expiry = await send<number>('PEXPIRETIME', key);
  const read: Record<string, () => Promise<unknown>> = {
    string: async () => (await send<Buffer>('GET', key)).toString('hex'),
    list: () => send('LRANGE', key, '0', '-1'),
    set: async () => (await send<Buffer[]>('SMEMBERS', key)).map((one) => one.toString('hex')).sort(),
    zset: () => send('ZRANGE', key, '0', '-1', 'WITHSCORES'),
    hash: async () => pairs(await send<Buffer[]>('HGETALL', key)),
    stream: async () => [
      await send('XRANGE', key, '-', '+'),
      await send('XINFO', 'GROUPS', key),
      await send('XPENDING', key, 'group').catch(() => null),
    ],
  };
  return `${key.toString('hex')} ${kind} ${expiry} ${JSON.stringify(await read[kind]!(), hex)}`;
}

function pairs(list: Buffer[]): string[] {
  return list
    .flatMap((_, index) => (index % 2 ? [] : [`${list[index]!.toString('hex')}=${list[index + 1]!.toString('hex')}`]))
    .sort();
}

function hex(_key: string, value: unknown): unknown {
  const bytes = value as { type?: string; data?: number[] } | null;
  return bytes?.type === 'Buffer' && bytes.data ? Buffer.from(bytes.data).toString('hex') : value;
}

/** `DUMP` and the time of expiry of every key but hash tables, which a server prints in an order of its own at each start. */
export async function dumps(server: RedisServer): Promise<Map<string, string>> {
  return server.with(async (send) => {
    const found = new Map<string, string>();
    const info = String(await send('INFO', 'keyspace'));
    for (const [, database = ''] of info.matchAll(/^db(\d+):/gm)) {
      await send('SELECT', database);
      for (const key of await send<Buffer[]>('KEYS', '*')) {
        if (String(await send('OBJECT', 'ENCODING', key)) === 'hashtable') continue;
        const payload = await send<Buffer>('DUMP', key);
        found.set(`${database} ${key.toString('hex')}`, `${payload.toString('hex')} ${await send('PEXPIRETIME', key)}`);
      }
    }
    return found;
  });
}

/** The fingerprint of a dump's data, by a server that loads it. */
export async function fingerprintOf(path: string, program = 'redis-server'): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'redis-'));
  symlinkSync(path, join(directory, 'dump.rdb'));
  const server = await RedisServer.start({ directory, program });
  try {
    return await fingerprint(server);
  } finally {
    await server.end();
  }
}
