/** The HTTP half of the fault proxy: requests are carried as they are, signatures included, and faulted by rules. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { Target } from './fault-proxy.ts';

export type Rule = {
  method?: string;
  /** Looked for in the path with its query. */
  path?: RegExp | string;
  /** `after`: the server acts and its answer is lost. Default: `before`, the server never hears of it. */
  when?: 'before' | 'after';
  /** Answer with this status instead. */
  answer?: number;
  /** The body of such an answer. */
  body?: string;
  /** Or: `reset` the connection, or `stall` without an answer. */
  act?: 'reset' | 'stall';
  /** Or: reset the connection after so many bytes of the server's answer. */
  cut?: number;
  /** Or: reset both connections after so many bytes of the request's body. */
  cutRequest?: number;
  /** Or: only so many bytes of the answer, with its length corrected; negative: all but so many. */
  keep?: number;
  /** Or: one bit of the answer's body is flipped, in this byte. */
  flip?: number;
  /** Headers of the answer, set or replaced. */
  headers?: Record<string, string>;
  /** How often; default once. */
  times?: number;
  /** Requests that fit but pass before it. */
  skip?: number;
};

/** `hits`: how often the rule was used; `fits`: how many requests it fitted. */
export type Active = Rule & { hits: number; fits: number };

export type HttpFaultProxy = {
  readonly port: number;
  /** Every request in order: `status` is the server's own, 0 where it was never asked; `rule` the one that struck. */
  readonly seen: { method: string; path: string; headers: IncomingHttpHeaders; status: number; rule?: Rule }[];
  add(rule: Rule): Active;
  mend(): void;
  end(): Promise<void>;
};

/** Listens on a free port of the loopback for plain HTTP and carries it to the target. */
export async function httpFaultProxy(target: Target): Promise<HttpFaultProxy> {
  const rules: Active[] = [];
  const seen: HttpFaultProxy['seen'] = [];
  const sockets = new Set<Socket>();
  const handle = (client: IncomingMessage, answer: ServerResponse): void => {
    const rule = pick(rules, client);
    const entry = {
      method: client.method!,
      path: client.url!,
      headers: client.headers,
      status: 0,
      ...(rule ? { rule } : {}),
    };
    seen.push(entry);
    serve(target, client, answer, rule, (status) => {
      entry.status = status;
    }).catch(() => cutOff(client.socket));
  };
  const server = createServer({ requestTimeout: 0, headersTimeout: 0 }, handle);
  server.on('checkContinue', (client: IncomingMessage, answer: ServerResponse) => {
    answer.writeContinue();
    handle(client, answer);
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  return {
    port: await listening(server),
    seen,
    add: (rule) => {
      const active = { ...rule, hits: 0, fits: 0 };
      rules.push(active);
      return active;
    },
    mend: () => void rules.splice(0),
    end: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function pick(rules: Active[], { method, url }: IncomingMessage): Active | undefined {
  for (const rule of rules) {
    if (rule.method !== undefined && rule.method !== method) continue;
    if (typeof rule.path === 'string' ? !url!.includes(rule.path) : rule.path && !rule.path.test(url!)) continue;
    if (rule.hits >= (rule.times ?? 1)) continue;
    rule.fits += 1;
    if (rule.fits <= (rule.skip ?? 0)) continue;
    rule.hits += 1;
    return rule;
  }
  return undefined;
}

/** Whether the rule puts something else in the place of the server's answer. */
const replaces = (rule: Rule) => rule.answer !== undefined || rule.act !== undefined;

async function serve(
  target: Target,
  client: IncomingMessage,
  answer: ServerResponse,
  rule: Rule | undefined,
  told: (status: number) => void,
): Promise<void> {
  if (rule && replaces(rule) && rule.when !== 'after') {
    client.resume();
    // A server that answered and closed before it has read all would reset the line, and its answer were lost.
    if (rule.answer !== undefined) await once(client, 'end');
    return instead(client, answer, rule);
  }
  const { host = '127.0.0.1', port } = target;
  const { method, url, rawHeaders } = client;
  const upstream = request({ host, port, method, path: url, headers: withoutExpect(rawHeaders), setHost: false });
  // A client that goes away takes its request along.
  answer.on('close', () => answer.writableFinished || upstream.destroy());
  upstream.on('error', () => {});
  const responded = once(upstream, 'response') as Promise<[IncomingMessage]>;
  responded.catch(() => {});
  await upload(client, upstream, rule?.cutRequest);
  const [response] = await responded;
  told(response.statusCode!);
  if (rule && replaces(rule)) {
    // Read to its end, so that the server surely acted.
    for await (const _ of response);
    return instead(client, answer, rule);
  }
  await download(response, answer, client, rule ?? {});
}

/** The list of names and values as node takes it; we have said 100 Continue already. */
function withoutExpect(raw: string[]): string[] {
  return raw.filter((_, index) => raw[index - (index % 2)]!.toLowerCase() !== 'expect');
}

function instead(client: IncomingMessage, answer: ServerResponse, rule: Rule): void {
  if (rule.act === 'stall') return;
  if (rule.act === 'reset') {
    cutOff(client.socket);
    return;
  }
  answer.writeHead(rule.answer!, { 'content-type': 'application/xml', connection: 'close', ...rule.headers });
  answer.end(client.method === 'HEAD' ? undefined : (rule.body ?? `<Error><Code>Fault${rule.answer}</Code></Error>`));
}

async function upload(client: IncomingMessage, upstream: ReturnType<typeof request>, cut?: number): Promise<void> {
  let passed = 0;
  for await (const chunk of client as AsyncIterable<Buffer>) {
    const part = cut === undefined ? chunk : chunk.subarray(0, Math.max(0, cut - passed));
    passed += part.length;
    if (part.length > 0 && !upstream.write(part)) await drained(upstream);
    if (part.length < chunk.length) {
      upstream.destroy();
      cutOff(client.socket);
      return;
    }
  }
  upstream.end();
}

async function download(
  response: IncomingMessage,
  answer: ServerResponse,
  client: IncomingMessage,
  rule: Rule,
): Promise<void> {
  const headers = new Map<string, string | string[]>();
  for (const [name, value] of Object.entries(response.headers)) if (value !== undefined) headers.set(name, value);
  for (const [name, value] of Object.entries(rule.headers ?? {})) headers.set(name.toLowerCase(), value);
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  const keep = rule.keep === undefined ? undefined : rule.keep < 0 ? Math.max(0, length + rule.keep) : rule.keep;
  if (keep !== undefined) {
    headers.set('content-length', String(Math.min(keep, length || keep)));
    headers.delete('transfer-encoding');
  }
  answer.writeHead(response.statusCode!, Object.fromEntries(headers));
  const limit = keep ?? rule.cut ?? Number.POSITIVE_INFINITY;
  let passed = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const part = Buffer.from(chunk.subarray(0, Math.max(0, limit - passed)));
    if (rule.flip !== undefined && rule.flip >= passed && rule.flip < passed + part.length)
      part[rule.flip - passed]! ^= 1;
    passed += part.length;
    if (part.length > 0 && !answer.write(part)) await drained(answer);
    if (rule.cut !== undefined && passed >= rule.cut) {
      setImmediate(() => cutOff(client.socket));
      return;
    }
  }
  answer.end();
}

/** Resolves when more may be written, or nobody reads any more. */
async function drained(stream: Writable): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).finally(() =>
    over.abort(),
  );
}

/** Starts a server on a free port of the loopback. */
export async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A reset and nothing before it: node's own `resetAndDestroy` ends politely first, so that the other side may see an end. */
export function cutOff(socket: Socket | null): void {
  const { _handle: handle } = (socket ?? {}) as { _handle?: { reset?(done: () => void): number } | null };
  handle?.reset?.(() => {});
  socket?.destroy();
}
