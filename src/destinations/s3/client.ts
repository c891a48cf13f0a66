/** The connection to a bucket. The only place that loads the SDK. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3, S3ClientConfig } from '@aws-sdk/client-s3';
import type { Opening } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { parseDuration, parseSize, seconds } from '../../units.ts';
import { credentialsOf } from './credentials.ts';
import { faultOf, isSilence, S3Fault } from './faults.ts';
import { objectName, prefixOf } from './place.ts';
import { TunnelAgent } from './proxy.ts';
import { type Forbearance, Silence } from './silence.ts';
import { LargeAgent } from './sockets.ts';
import type { Identity, S3Spec } from './spec.ts';
import { Throttle } from './throttle.ts';

/** How patient a client is; tests have less time. */
export type Patience = Forbearance & {
  /** Tries of one request. */
  attempts: number;
  /** Milliseconds before the second try; doubled before each further one. */
  pause: number;
};

const usual: Patience = { attempts: 8, pause: 200, doubt: 10_000, grace: 30_000 };
const longestPause = 10_000;
const connectionSeconds = 10;
const silenceSeconds = 60;
const silent = () => {};

type Options = { abortSignal?: AbortSignal; requestTimeout?: number };

/** A call of the SDK: it gets the client and the options for its second argument. */
export type Act<T> = (s3: S3, options: Options) => Promise<T>;

export class Client {
  readonly bucket: string;
  readonly prefix: string;
  /** Which store this is: two clients with the same text speak to the same one. */
  readonly store: string;
  readonly throttle: Throttle | null;
  /** What the server answered of its clock, and when it did. */
  private heard: { server: number; local: number } | null = null;
  private readonly silence: Silence;

  constructor(
    readonly name: string,
    readonly s3: S3,
    spec: S3Spec,
    private readonly patience: Patience,
  ) {
    this.bucket = spec.bucket;
    this.prefix = prefixOf(spec.prefix);
    this.store = spec.endpoint ?? 'aws';
    this.throttle = spec.bandwidth === undefined ? null : new Throttle(parseSize(spec.bandwidth)!);
    this.silence = new Silence(`${this.store} ${this.bucket}`, silenceOf(spec), patience);
    s3.middlewareStack.add(this.listen(), { step: 'deserialize', priority: 'low', name: 'clock' });
  }

  /** Where an object lies, for a person. */
  where(name: string): string {
    return `s3://${this.bucket}/${name}`;
  }

  /** The members by which every request names an object. */
  object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: objectName(this.name, this.prefix, key) };
  }

  /** The server's time, as last heard. */
  now(): Date {
    return this.heard === null ? new Date() : new Date(this.heard.server + performance.now() - this.heard.local);
  }

  /**
   * Does something small to an object, again and again while a further try may help; a store that never answers is soon given up.
   * `doing` is a verb for the sentence of a fault. Rejects with S3Fault; what `act` itself throws passes as it is.
   */
  async call<T>(doing: string, name: string, act: Act<T>): Promise<T> {
    const inTime: Act<T> = async (s3) => {
      const { limit } = this.silence;
      return await act(s3, limit === null ? {} : { requestTimeout: limit });
    };
    return await this.again(doing, name, inTime, () => this.silence.isLong);
  }

  /** As `call`, in the midst of something large: it is worth waiting for a network that is gone for some minutes. */
  async transfer<T>(doing: string, name: string, act: Act<T>, signal?: AbortSignal): Promise<T> {
    return await this.again(doing, name, act, () => false, signal);
  }

  /** What was thrown, as a sentence. */
  fault(doing: string, name: string, error: unknown): Error {
    return faultOf(error, { name: this.name, doing, where: this.where(name) });
  }

  close(): void {
    this.s3.destroy();
  }

  private async again<T>(
    doing: string,
    name: string,
    act: Act<T>,
    isVain: () => boolean,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      const asked = performance.now();
      try {
        const answer = await act(this.s3, signal ? { abortSignal: signal } : {});
        this.silence.end();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        this.hear(error, asked);
        const fault = this.fault(doing, name, error);
        const mayHelp = fault instanceof S3Fault && fault.transient && attempt < this.patience.attempts;
        if (!mayHelp || isVain()) throw fault;
        await this.rest(attempt, signal);
      }
    }
  }

  /** A refusal or a broken connection is an answer too. */
  private hear(error: unknown, asked: number): void {
    if (isSilence(error)) this.silence.met(asked);
    else this.silence.end();
  }

  /** Longer each time, and never as long as the others wait. */
  private async rest(attempt: number, signal?: AbortSignal): Promise<void> {
    const longest = Math.min(longestPause, this.patience.pause * 2 ** (attempt - 1));
    await sleep(longest * (0.5 + Math.random() / 2), undefined, signal ? { signal } : {});
  }

  private listen(): Parameters<S3['middlewareStack']['add']>[0] {
    return ((next: (args: unknown) => Promise<{ response: unknown }>) => async (args: unknown) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      const server = Date.parse(headers?.date ?? '');
      if (!Number.isNaN(server)) this.heard = { server, local: performance.now() };
      return result;
    }) as never;
  }
}

/** Loads the SDK and makes a client with the credentials of this identity. */
export async function openClient(
  name: string,
  spec: S3Spec,
  identity: Identity,
  opening: Opening,
  patience: Partial<Patience> = {},
): Promise<Client> {
  // It warns on standard error that a version of 2027 will want a newer Node.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { S3 } = await import('@aws-sdk/client-s3');
  const { environment } = opening;
  const region =
    spec.region ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? (spec.endpoint && 'us-east-1');
  const reach = {
    ...(region ? { region } : {}),
    ...(spec.endpoint ? { endpoint: spec.endpoint } : {}),
    requestHandler: await handlerOf(name, spec, opening),
  };
  const s3 = new S3({
    ...reach,
    ...(identity.profile === undefined ? {} : { profile: identity.profile }),
    forcePathStyle: spec['path-style'] ?? spec.endpoint !== undefined,
    credentials: await credentialsOf(identity, reach, opening),
    // Tries are counted here, with what a second one has to look at; so are checksums, which not every server knows.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    // Else it speaks on standard error.
    logger: { trace: silent, debug: silent, info: silent, warn: silent, error: silent },
  });
  return new Client(name, s3, spec, { ...usual, attempts: spec.attempts ?? usual.attempts, ...patience });
}

/** Milliseconds for which a server may say nothing. */
function silenceOf({ timeout }: S3Spec): number {
  return (timeout === undefined ? silenceSeconds : seconds(parseDuration(timeout)!)) * 1000;
}

/** Without timeouts of its own a black hole would hold a run for ever. */
async function handlerOf(
  name: string,
  spec: S3Spec,
  { environment }: Opening,
): Promise<NonNullable<S3ClientConfig['requestHandler']>> {
  const silence = silenceOf(spec);
  const connectionTimeout = Math.min(silence, connectionSeconds * 1000);
  const ca = spec.ca === undefined ? {} : { ca: await readCertificates(name, spec.ca) };
  const agent = { keepAlive: true, maxSockets: 50 };
  return {
    connectionTimeout,
    socketTimeout: silence,
    // For what is given a time of its own, which else were only warned of.
    throwOnRequestTimeout: true,
    httpAgent: new LargeAgent(agent),
    httpsAgent: new TunnelAgent({ ...agent, ...ca }, environment, connectionTimeout),
  } as NonNullable<S3ClientConfig['requestHandler']>;
}

async function readCertificates(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new RunnerError(
      `Destination ${name}: the certificates of \`ca\` cannot be read: ${(error as Error).message}.`,
      {
        cause: error,
      },
    );
  }
}
