/** The proxy that the tests of stores lean on does what its rules say, and nothing without one. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listening } from '../fakes/fault-http.ts';
import { faultProxy, httpFaultProxy } from '../fakes/fault-proxy.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server that sends everything back, and ends when its client does. */
async function echo() {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  ends.push(() => server.close());
  const proxy = await faultProxy({ port: await listening(server) });
  ends.push(() => proxy.end());
  return proxy;
}

/** What came back, and how it ended; of what `hangs`, that it had not ended two seconds later. */
async function sent(port: number, bytes: Buffer, hangs = false): Promise<{ back: Buffer; end: string }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const patience = hangs ? [new Promise<string>((resolve) => setTimeout(resolve, 2000, 'nothing'))] : [];
  const ended = Promise.race([
    once(socket, 'end').then(
      () => 'end',
      (error) => error.code as string,
    ),
    ...patience,
  ]);
  socket.end(bytes);
  const end = await ended;
  socket.destroy();
  return { back: Buffer.concat(chunks), end };
}

describe('the proxy for TCP', () => {
  const bytes = randomBytes(300_000);

  it('carries everything both ways', async () => {
    const { back, end } = await sent((await echo()).port, bytes);
    expect(end).toBe('end');
    expect(back.equals(bytes)).toBe(true);
  });

  it('cuts, stalls and half-closes at the byte that was asked for', async () => {
    const proxy = await echo();
    proxy.set({ act: 'half-close', direction: 'down', after: 100_001 });
    expect(await sent(proxy.port, bytes)).toEqual({ back: bytes.subarray(0, 100_001), end: 'end' });
    proxy.set({ act: 'stall', direction: 'up', after: 5 });
    expect(await sent(proxy.port, bytes, true)).toEqual({ back: bytes.subarray(0, 5), end: 'nothing' });
    proxy.set({ act: 'reset', direction: 'down', after: 1000, times: 1 });
    const cut = await sent(proxy.port, bytes);
    expect(cut.back).toEqual(bytes.subarray(0, 1000));
    expect(proxy.hits).toBe(1);
    expect((await sent(proxy.port, bytes)).back.length).toBe(bytes.length);
    proxy.set({ act: 'slow', rate: 1_000_000, direction: 'down' });
    const begun = performance.now();
    expect((await sent(proxy.port, bytes)).back.length).toBe(bytes.length);
    expect(performance.now() - begun).toBeGreaterThan(250);
    proxy.set(null);
    expect((await sent(proxy.port, bytes)).end).toBe('end');
  });
});

/** A server that keeps what is put and gives it back, behind the proxy. */
async function shelf() {
  const held = new Map<string, Buffer>();
  const server = createHttpServer(async (incoming, answer) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    if (incoming.method === 'PUT') held.set(incoming.url!, Buffer.concat(chunks));
    const body = incoming.method === 'GET' ? (held.get(incoming.url!) ?? Buffer.alloc(0)) : Buffer.alloc(0);
    answer.writeHead(200, { 'content-length': body.length, host: incoming.headers.host ?? '' });
    answer.end(body);
  });
  ends.push(() => server.close());
  const proxy = await httpFaultProxy({ port: await listening(server) });
  ends.push(() => proxy.end());
  return { held, proxy };
}

async function asked(port: number, method: string, path: string, body?: Buffer) {
  const outgoing = request({
    port,
    host: '127.0.0.1',
    method,
    path,
    headers: { host: 'bucket.example' },
    agent: false,
  });
  outgoing.on('error', () => {});
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response', { signal: AbortSignal.timeout(2000) })) as [
    AsyncIterable<Buffer> & { statusCode: number; headers: Record<string, string> },
  ];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

describe('the proxy for HTTP', () => {
  const bytes = randomBytes(200_000);
  const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex');

  it('carries requests as they are, the host included', async () => {
    const { proxy } = await shelf();
    expect((await asked(proxy.port, 'PUT', '/a?x=1', bytes)).headers.host).toBe('bucket.example');
    expect(digest((await asked(proxy.port, 'GET', '/a?x=1')).body)).toBe(digest(bytes));
    expect(proxy.seen.map(({ method, path, status }) => [method, path, status])).toEqual([
      ['PUT', '/a?x=1', 200],
      ['GET', '/a?x=1', 200],
    ]);
  });

  it('answers before or after the server acted, as often as asked', async () => {
    const { held, proxy } = await shelf();
    proxy.add({ method: 'PUT', path: /^\/a/, answer: 503, times: 2, skip: 1 });
    const answers = [];
    for (let index = 0; index < 4; index += 1)
      answers.push((await asked(proxy.port, 'PUT', `/a${index}`, bytes)).status);
    expect(answers).toEqual([200, 503, 503, 200]);
    expect([...held.keys()]).toEqual(['/a0', '/a3']);
    const late = proxy.add({ method: 'PUT', path: '/late', when: 'after', act: 'reset' });
    await expect(asked(proxy.port, 'PUT', '/late', bytes)).rejects.toThrow(/ECONNRESET|hang up/);
    expect(held.get('/late')?.length).toBe(bytes.length);
    expect(late.hits).toBe(1);
    proxy.add({ path: '/stalled', act: 'stall' });
    await expect(asked(proxy.port, 'PUT', '/stalled', bytes)).rejects.toThrow(/abort/);
    expect(held.has('/stalled')).toBe(false);
  });

  it('cuts, shortens and alters answers and requests', async () => {
    const { held, proxy } = await shelf();
    await asked(proxy.port, 'PUT', '/a', bytes);
    proxy.add({ method: 'GET', cut: 1000 });
    await expect(asked(proxy.port, 'GET', '/a')).rejects.toThrow(/ECONNRESET|aborted/);
    proxy.add({ method: 'GET', keep: -1 });
    expect((await asked(proxy.port, 'GET', '/a')).body.equals(bytes.subarray(0, -1))).toBe(true);
    proxy.add({ method: 'GET', flip: 150_000 });
    const { body } = await asked(proxy.port, 'GET', '/a');
    expect(body[150_000]).toBe(bytes[150_000]! ^ 1);
    proxy.add({ method: 'GET', headers: { date: 'Thu, 01 Jan 2099 00:00:00 GMT' } });
    expect((await asked(proxy.port, 'GET', '/a')).headers.date).toContain('2099');
    proxy.add({ method: 'PUT', cutRequest: 1000 });
    await expect(asked(proxy.port, 'PUT', '/cut', bytes)).rejects.toThrow(/ECONNRESET|hang up/);
    expect(held.has('/cut')).toBe(false);
    proxy.add({ answer: 500, times: Number.POSITIVE_INFINITY });
    proxy.mend();
    expect((await asked(proxy.port, 'GET', '/a')).status).toBe(200);
  });
});
