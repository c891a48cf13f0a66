/** A tunnel through the proxy that the environment names (HTTPS_PROXY, NO_PROXY), for connections by TLS. */
import { request } from 'node:http';
import { Agent, type AgentOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { inLargePieces } from './sockets.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for this host, or null. */
export function proxyFor(host: string, environment: Environment): URL | null {
  const named = environment.HTTPS_PROXY ?? environment.https_proxy;
  if (!named || isExcepted(host, environment.NO_PROXY ?? environment.no_proxy ?? '')) return null;
  return new URL(named.includes('://') ? named : `http://${named}`);
}

/** `example.com` and `.example.com` mean the host and what is below it, `*` every host. */
function isExcepted(host: string, list: string): boolean {
  const names = list.split(/[\s,]+/).filter(Boolean);
  return names.some((entry) => {
    const name = entry
      .replace(/:\d+$/, '')
      .replace(/^\*?\./, '')
      .toLowerCase();
    return entry === '*' || host.toLowerCase() === name || host.toLowerCase().endsWith(`.${name}`);
  });
}

type Options = AgentOptions & { host?: string; port?: number | string; servername?: string };

/** An agent whose connections go through the proxies that the environment names, and directly where it names none. */
export class TunnelAgent extends Agent {
  constructor(
    options: AgentOptions,
    private readonly environment: Environment,
    private readonly milliseconds: number,
  ) {
    super(options);
  }

  override createConnection(
    options: Options,
    done?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    const proxy = proxyFor(options.host ?? '', this.environment);
    if (proxy === null || done === undefined)
      return inLargePieces((more) => super.createConnection({ ...options, ...more } as Options, done) as Duplex);
    tunnel(proxy, `${options.host}:${options.port ?? 443}`, this.milliseconds).then(
      (socket) => {
        const secured = { ...options, socket, servername: options.servername ?? options.host } as ConnectionOptions;
        done(
          null,
          inLargePieces((more) => connect({ ...secured, ...more } as ConnectionOptions)),
        );
      },
      (error: Error) => done(error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}

/** A socket that the proxy has joined to `target`. */
function tunnel(proxy: URL, target: string, milliseconds: number): Promise<Socket> {
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers = {
    host: target,
    ...(proxy.username ? { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` } : {}),
  };
  return new Promise((resolve, reject) => {
    const asked = request({
      host: proxy.hostname,
      port: proxy.port || 80,
      method: 'CONNECT',
      path: target,
      headers,
      timeout: milliseconds,
      agent: false,
    });
    asked.once('connect', ({ statusCode }, socket) => {
      socket.setTimeout(0);
      if (statusCode === 200) return resolve(socket as Socket);
      socket.destroy();
      reject(refusal(`the proxy ${proxy.host} answers ${statusCode} to CONNECT ${target}`));
    });
    asked.once('timeout', () => asked.destroy(refusal(`the proxy ${proxy.host} does not answer`)));
    asked.once('error', reject);
    asked.end();
  });
}

const refusal = (message: string) => Object.assign(new Error(message), { code: 'ERR_PROXY' });
