/**
 * A bad network between a client and a real server, for tests. Two kinds:
 *
 * `faultProxy({ port })` carries TCP (ssh, TLS, anything). `proxy.port` is where the client connects; `await proxy.end()` at the end.
 *     proxy.set({ act: 'reset', direction: 'up', after: 1_000_000 })      the millionth byte to the server is the last one
 *     proxy.set({ act: 'stall', direction: 'down', after: 0 })            nothing comes back any more, and no end either
 *     proxy.set({ act: 'half-close', direction: 'down', after: 4096 })    the client sees an end of input, politely
 *     proxy.set({ act: 'slow', direction: 'up', rate: 100_000 })          bytes a second
 *     proxy.set({ act: 'reset', times: 2 })                               the first two connections only (`proxy.hits` counts)
 *     proxy.set(null)                                                     mended; what hangs stays hung: `proxy.drop()` ends it
 * Bytes are counted over all connections since `set`, or for each connection with `each: true`.
 *
 * `httpFaultProxy({ port })` (fault-http.ts) understands plain HTTP and answers by rules; the first that fits is used, `times` times:
 *     proxy.add({ method: 'PUT', path: /uploadId=/, when: 'before', answer: 503 })          the server never hears of it
 *     proxy.add({ method: 'POST', path: /uploadId=/, when: 'after', act: 'reset' })         the server acted, the answer is lost
 *     proxy.add({ method: 'GET', path: /\.zst$/, keep: -1 })             the last byte of the answer is missing, with its length corrected
 *     proxy.add({ method: 'GET', cut: 1000 })                            the connection is reset after 1,000 bytes of the answer
 *     proxy.add({ method: 'PUT', cutRequest: 1000 })                     and after 1,000 bytes of what the client sends
 *     proxy.add({ headers: { date: '...' }, times: Infinity })           the server's answer with other headers: its clock is wrong
 * `skip` lets the first ones pass; `add` returns the rule, whose `hits` counts; `proxy.seen` has every request; `proxy.mend()` clears.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cutOff, listening } from './fault-http.ts';

export { type HttpFaultProxy, httpFaultProxy, type Rule } from './fault-http.ts';

export type Direction = 'up' | 'down';

export type Fault = {
  act: 'reset' | 'stall' | 'half-close' | 'slow';
  /** `up` is to the server; default `up`. */
  direction?: Direction;
  /** Bytes that pass before it; default 0: for `up` the connection is cut before the server sees anything. */
  after?: number;
  /** Count bytes for each connection, not over all. */
  each?: boolean;
  /** For `slow`: bytes a second. */
  rate?: number;
  /** How many connections it happens to; default: every one. */
  times?: number;
};

export type Target = { port: number; host?: string };

export type FaultProxy = {
  readonly port: number;
  /** How many connections were faulted since `set`. */
  readonly hits: number;
  /** How many connections were made since the beginning. */
  readonly connections: number;
  set(fault: Fault | null): void;
  /** Resets every open connection now. */
  drop(): void;
  end(): Promise<void>;
};

/** Listens on a free port of the loopback and carries every connection to the target, with the fault that is set. */
export async function faultProxy(target: Target): Promise<FaultProxy> {
  const state: State = { fault: null, passed: 0, hits: 0 };
  const links = new Set<Link>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections += 1;
    const upstream = connect({ host: '127.0.0.1', ...target, allowHalfOpen: true, noDelay: true });
    const link: Link = { client, upstream, passed: 0, faulted: false };
    links.add(link);
    client.on('close', () => links.delete(link));
    // A side that fails takes the other one along; its error is the client's to tell.
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => cutOff(client));
    void carry(state, link, 'up').catch(() => reset(link));
    void carry(state, link, 'down').catch(() => reset(link));
  });
  const port = await listening(server);
  const drop = () => {
    for (const link of links) reset(link);
  };
  return {
    port,
    get hits() {
      return state.hits;
    },
    get connections() {
      return connections;
    },
    set: (fault) => {
      Object.assign(state, { fault, passed: 0, hits: 0 });
      for (const link of links) Object.assign(link, { passed: 0, faulted: false });
    },
    drop,
    end: async () => {
      server.close();
      drop();
    },
  };
}

type State = { fault: Fault | null; passed: number; hits: number };
type Link = { client: Socket; upstream: Socket; passed: number; faulted: boolean };

/** One direction of one connection, chunk by chunk, until its end or its fault. */
async function carry(state: State, link: Link, direction: Direction): Promise<void> {
  const [from, to] = direction === 'up' ? [link.client, link.upstream] : [link.upstream, link.client];
  for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const fault = faultFor(state, link, direction);
    const room = fault ? (fault.after ?? 0) - (fault.each ? link.passed : state.passed) : Number.POSITIVE_INFINITY;
    if (fault?.act === 'slow') await sleep((chunk.length / (fault.rate ?? 1_000_000)) * 1000);
    const passing = fault && fault.act !== 'slow' ? chunk.subarray(0, Math.max(0, room)) : chunk;
    if (fault) {
      link.passed += passing.length;
      state.passed += passing.length;
    }
    if (passing.length > 0) await written(to, passing);
    if (passing.length === chunk.length) continue;
    return await strike(link, from, to, fault!.act);
  }
  to.end();
}

/** The fault that this connection is under, if any; counts it when it begins. */
function faultFor(state: State, link: Link, direction: Direction): Fault | null {
  const { fault } = state;
  if (!fault || (fault.direction ?? 'up') !== direction) return null;
  if (link.faulted) return fault;
  if (state.hits >= (fault.times ?? Number.POSITIVE_INFINITY)) return null;
  link.faulted = true;
  state.hits += 1;
  return fault;
}

async function strike(link: Link, from: Socket, to: Socket, act: Fault['act']): Promise<void> {
  if (act === 'reset') return reset(link);
  // Nobody reads on: the sender's buffers fill, and no end comes either.
  if (act === 'stall') return;
  to.end();
  from.resume();
}

async function written(to: Socket, bytes: Buffer): Promise<void> {
  if (to.destroyed || to.write(bytes)) return;
  await Promise.race([once(to, 'drain'), once(to, 'close')]);
}

function reset({ client, upstream }: Link): void {
  cutOff(client);
  cutOff(upstream);
}
