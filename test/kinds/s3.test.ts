import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyExists, type Placement } from '../../src/destination.ts';
import { openS3, type S3Spec, s3 } from '../../src/destinations/s3/index.ts';
import { buffersFor, firstPartSize, mostParts, partSizeAt, usualPart } from '../../src/destinations/s3/part-size.ts';
import { proxyFor } from '../../src/destinations/s3/proxy.ts';
import type { S3Store } from '../../src/destinations/s3/store.ts';
import { Throttle } from '../../src/destinations/s3/throttle.ts';
import { collect, destinationContract, keys, store } from '../contracts/destination.ts';
import { faultProxy, httpFaultProxy } from '../fakes/fault-proxy.ts';
import { opening } from '../helpers/opening.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { openAt, s3Bench } from './s3-bench.ts';

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('is an s3 destination', () => {
    let server: S3Server;
    let bucket: string;
    beforeAll(async () => {
      server = await startS3(engine);
      bucket = await server.bucket();
    });
    afterAll(async () => await server?.stop());

    destinationContract(`s3 at ${engine}`, () => s3Bench(server, bucket));

    const uploads = async () => {
      const client = server.client();
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      client.destroy();
      return Uploads.map(({ Key }) => Key);
    };

    it('takes a stream in several parts, several at once, and gives it back in order', async () => {
      const destination = await openAt(server, { bucket, prefix: 'parts', 'part-size': '5MiB', concurrency: 3 });
      const bytes = randomBytes(23_000_001);
      await store(destination, 'large', bytes);
      expect((await collect(destination, 'large')).equals(bytes)).toBe(true);
      expect(
        (await collect(destination, 'large', { start: 9_000_000, end: 21_999_999 })).equals(
          bytes.subarray(9_000_000, 22_000_000),
        ),
      ).toBe(true);
      const head = await destination.client.s3.headObject({ Bucket: bucket, Key: 'parts/large' });
      expect(head.ETag).toMatch(/-5"?$/);
      await destination.close();
    });

    it('reads over a slow line in ranges beside each other, in order, and over a fast one in one stream', async () => {
      const bytes = randomBytes(42_000_001);
      const http = await httpFaultProxy({ port: server.port });
      const line = await faultProxy({ port: http.port });
      const spec = { bucket, prefix: 'far' };
      const near = await openAt(server, spec);
      const far = await openAt(server, { ...spec, endpoint: `http://127.0.0.1:${line.port}` });
      try {
        await store(near, 'large', bytes);
        line.set({ act: 'slow', direction: 'down', rate: 40_000_000 });
        expect((await collect(far, 'large')).equals(bytes)).toBe(true);
        // 8 MiB each.
        expect(http.seen.length).toBe(6);
        const part = await collect(far, 'large', { start: 1_000_001, end: 40_999_999 });
        expect(part.equals(bytes.subarray(1_000_001, 41_000_000))).toBe(true);
        expect((await collect(near, 'large')).equals(bytes)).toBe(true);
      } finally {
        await Promise.all([near.close(), far.close()]);
        await line.end();
        await http.end();
      }
    });

    it('knows a server that ignores conditions, and looks before it writes there', async () => {
      const [kept, ignored] = [
        await openAt(server, { bucket, prefix: 'kept' }),
        await openAt(server, { bucket, prefix: 'ignored' }),
      ];
      const forget = ((next: (args: unknown) => unknown) =>
        (args: { request: { headers: Record<string, string> } }) => {
          delete args.request.headers['if-none-match'];
          return next(args);
        }) as never;
      ignored.client.s3.middlewareStack.add(forget, { step: 'build', priority: 'low' });
      expect(await kept.exclusive()).toBe(true);
      expect(await ignored.exclusive()).toBe(false);
      await ignored.write('small', Buffer.from('one'));
      await ignored.write('small', Buffer.from('one'));
      await expect(ignored.write('small', Buffer.from('two'))).rejects.toThrow(KeyExists);
      await store(ignored, 'large', Buffer.from('one'));
      await expect(store(ignored, 'large', Buffer.from('two'))).rejects.toThrow(KeyExists);
      expect(String(await collect(ignored, 'large'))).toBe('one');
      expect(await keys(ignored, '')).toEqual(['large', 'small']);
      await Promise.all([kept.close(), ignored.close()]);
    });

    it('lists page by page the same at any size of a page', async () => {
      const prefix = 'pages';
      const destination = await openAt(server, { bucket, prefix });
      for (let number = 0; number < 30; number += 1) await destination.write(`a/${number}`, Buffer.from('x'));
      const small = await openAt(server, { bucket, prefix }, { pageSize: 7 });
      expect(await keys(small, '')).toEqual(await keys(destination, ''));
      expect((await keys(small, 'a/1')).length).toBe(11);
      await Promise.all([small.close(), destination.close()]);
    });

    it('knows its own object again after the answer to its completion was lost', async () => {
      const destination = await openAt(server, { bucket, prefix: 'lost' });
      const sink = await destination.put('one', 'attempt-1');
      await sink.write([Buffer.from('bytes')]);
      await sink.prepare();
      const complete = destination.client.s3.completeMultipartUpload.bind(destination.client.s3);
      destination.client.s3.completeMultipartUpload = (async (input: Parameters<typeof complete>[0]) => {
        await complete(input);
        throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
      }) as never;
      await sink.publish();
      expect(String(await collect(destination, 'one'))).toBe('bytes');
      await expect(store(destination, 'one', Buffer.from('other'))).rejects.toThrow(KeyExists);
      await destination.close();
    });

    it('copies an object inside the store', async () => {
      const from = await openAt(server, { bucket, prefix: 'from' });
      const to = await openAt(server, { bucket: await server.bucket(), prefix: 'to' });
      const bytes = randomBytes(6_000_000);
      await store(from, 'a/b c', bytes);
      const sink = (await to.copy(from, 'a/b c', 'attempt'))!;
      expect(await sink.prepare()).toEqual({ size: bytes.length });
      expect((await collect(to, 'a/b c')).equals(bytes)).toBe(true);
      await sink.abort();
      expect(await keys(to, '')).toEqual([]);
      const again = (await to.copy(from, 'a/b c', 'attempt-2'))!;
      await again.prepare();
      await again.publish();
      await again.abort();
      expect((await collect(to, 'a/b c')).equals(bytes)).toBe(true);
      await expect(store(to, 'a/b c', bytes)).rejects.toThrow(KeyExists);
      await Promise.all([from.close(), to.close()]);
    });

    it('keeps tags, and nothing unfinished', async () => {
      const destination = await openAt(server, { bucket, prefix: 'kept', tags: { team: 'shop + co: 1/2', cost: '7' } });
      await store(destination, 'artifact', Buffer.from('a'));
      await destination.write('manifest', Buffer.from('m'));
      for (const name of ['artifact', 'manifest']) {
        const tags = await destination.client.s3.getObjectTagging({ Bucket: bucket, Key: `kept/${name}` });
        expect(tags.TagSet?.toSorted((one, other) => one.Key!.localeCompare(other.Key!))).toEqual([
          { Key: 'cost', Value: '7' },
          { Key: 'team', Value: 'shop + co: 1/2' },
        ]);
      }
      expect(await uploads()).toEqual([]);
      await destination.close();
    });

    it('locks what belongs to a backup, and nothing else', async () => {
      const locked = await server.bucket({ locked: true });
      const destination = await openAt(server, {
        bucket: locked,
        'object-lock': { mode: 'governance', for: 'retention' },
      });
      const keptUntil = new Date(Date.now() + 86_400_000);
      keptUntil.setMilliseconds(0);
      const placement = { expected: null, tier: 'daily', keptUntil } as const;
      const sink = await destination.put('artifact', 'one', placement);
      await sink.write([Buffer.from('a')]);
      await sink.prepare();
      await sink.publish();
      await destination.write('manifest', Buffer.from('m'), placement);
      await destination.write('lease', Buffer.from('l'));
      const head = async (Key: string) => await destination.client.s3.headObject({ Bucket: locked, Key });
      for (const name of ['artifact', 'manifest'])
        expect(await head(name)).toMatchObject({ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: keptUntil });
      expect((await head('lease')).ObjectLockMode).toBeUndefined();
      await destination.close();
    });

    it('says in one sentence what is wrong with a bucket, a key and a secret', async () => {
      const cases: [Partial<S3Spec> & { bucket: string }, Record<string, string>, RegExp][] = [
        [
          { bucket: 'nobody-has-this' },
          {},
          /^Destination cloud: cannot .* s3:\/\/nobody-has-this\/.*: there is no such bucket/,
        ],
        [
          { bucket, 'access-key-id': { secret: 'id' }, 'secret-access-key': { secret: 'key' } },
          { id: 'nobody', key: 'x'.repeat(20) },
          /the access key is unknown/,
        ],
        [
          { bucket, 'access-key-id': { secret: 'id' }, 'secret-access-key': { secret: 'key' } },
          { id: 'owner', key: 'wrong-secret-0123456789' },
          /the signature is refused/,
        ],
      ];
      for (const [spec, secrets, sentence] of cases) {
        const destination = await openAt(server, spec, { secrets });
        await expect(keys(destination, '')).rejects.toThrow(sentence);
        await expect(destination.read('x', 10)).rejects.toThrow(sentence);
        await expect(destination.replace('x', Buffer.from('x'))).rejects.toThrow(sentence);
        await expect(store(destination, 'x', Buffer.from('x'))).rejects.toThrow(sentence);
        await destination.close();
      }
    });

    it('is told as a URL and as the line that fetches a file', async () => {
      const spec = { ...server.spec(bucket), prefix: 'my backups' } as S3Spec;
      expect(s3.describe(spec)).toBe(`s3://${bucket}/my backups/ at ${server.endpoint}`);
      const echoed = spawnSync('sh', ['-c', `set -- ${s3.fetch(spec, "a/it's")}; printf '%s\\n' "$@"`], {
        encoding: 'utf8',
      });
      expect(echoed.stdout.split('\n')).toEqual([
        'aws',
        's3',
        'cp',
        '--endpoint-url',
        server.endpoint,
        '--region',
        server.region,
        `s3://${bucket}/my backups/a/it's`,
        '.',
        '',
      ]);
    });
  });
});

describe('what an s3 destination asks of its server', () => {
  type Request = {
    method: string;
    protocol: string;
    hostname: string;
    port?: number;
    path: string;
    headers: Record<string, string>;
  };
  const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' };

  /** The requests of one act, as they would leave; none does. */
  async function requests(
    spec: Partial<S3Spec>,
    act: (destination: S3Store) => Promise<unknown>,
    environment: Record<string, string> = keys,
    secrets: Record<string, string> = {},
  ): Promise<Request[]> {
    const seen: Request[] = [];
    const destination = await openS3(
      'cloud',
      { bucket: 'shop', region: 'eu-west-1', ...spec },
      opening(secrets, { environment }),
      {
        patience: { attempts: 1, pause: 1 },
      },
    );
    const capture = () => async (args: { request: Request }) => {
      seen.push(args.request);
      throw new Error('it is not sent');
    };
    destination.client.s3.middlewareStack.add(capture as never, {
      step: 'finalizeRequest',
      priority: 'low',
      tags: ['test'],
    });
    await act(destination).catch(() => {});
    await destination.close();
    return seen;
  }
  const begin = (placement?: Placement) => (destination: S3Store) => destination.put('key', 'one', placement);
  const placed = (tier: Placement['tier'], keptUntil: Date | null = null): Placement => ({
    expected: null,
    tier,
    keptUntil,
  });
  const headersOf = async (...words: Parameters<typeof requests>) => (await requests(...words)).at(-1)!.headers;

  it('goes to the region, the endpoint and the bucket that are meant', async () => {
    const place = async (spec: Partial<S3Spec>, environment?: Record<string, string>) => {
      const [{ protocol, hostname, port, path, headers }] = (await requests(spec, begin(), environment)) as [Request];
      const region = /Credential=[^/]+\/\d+\/([^/]+)/.exec(headers.authorization ?? '')?.[1];
      return [`${protocol}//${hostname}${port ? `:${port}` : ''}${path}`, region];
    };
    expect(await place({})).toEqual(['https://shop.s3.eu-west-1.amazonaws.com/key', 'eu-west-1']);
    expect(await place({ prefix: '/a/b/' })).toEqual(['https://shop.s3.eu-west-1.amazonaws.com/a/b/key', 'eu-west-1']);
    expect(await place({ 'path-style': true })).toEqual(['https://s3.eu-west-1.amazonaws.com/shop/key', 'eu-west-1']);
    expect(await place({ endpoint: 'http://minio:9000' })).toEqual(['http://minio:9000/shop/key', 'eu-west-1']);
    expect(await place({ endpoint: 'http://minio:9000', 'path-style': false })).toEqual([
      'http://shop.minio:9000/key',
      'eu-west-1',
    ]);
    const unset = { region: undefined } as unknown as Partial<S3Spec>;
    expect((await place(unset, { ...keys, AWS_REGION: 'eu-north-1' }))[1]).toBe('eu-north-1');
    expect((await place({ ...unset, endpoint: 'http://minio:9000' }))[1]).toBe('us-east-1');
  });

  it('signs with secrets of the plan, a profile, or the environment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'runner-aws-'));
    const file = join(folder, 'credentials');
    await writeFile(file, '[backup]\naws_access_key_id = PROFILED\naws_secret_access_key = secret\n');
    const signer = async (...words: Parameters<typeof requests>) => {
      const headers = await headersOf(...words);
      return [/Credential=([^/]+)/.exec(headers.authorization!)![1], headers['x-amz-security-token']];
    };
    expect(await signer({}, begin())).toEqual(['AKID', undefined]);
    expect(await signer({}, begin(), { ...keys, AWS_SESSION_TOKEN: 'token' })).toEqual(['AKID', 'token']);
    const given = {
      'access-key-id': { secret: 'id' },
      'secret-access-key': { secret: 'key' },
      'session-token': { secret: 'token' },
    };
    expect(await signer(given, begin(), keys, { id: 'PLAN', key: 'x', token: 'spoken' })).toEqual(['PLAN', 'spoken']);
    const before = process.env.AWS_SHARED_CREDENTIALS_FILE;
    process.env.AWS_SHARED_CREDENTIALS_FILE = file;
    try {
      expect(await signer({ profile: 'backup' }, begin())).toEqual(['PROFILED', undefined]);
    } finally {
      if (before === undefined) delete process.env.AWS_SHARED_CREDENTIALS_FILE;
      else process.env.AWS_SHARED_CREDENTIALS_FILE = before;
      await rm(folder, { recursive: true });
    }
  });

  it('asks for encryption, also with a key of the plan at every read', async () => {
    expect(await headersOf({}, begin())).not.toHaveProperty('x-amz-server-side-encryption');
    expect(await headersOf({ encryption: { type: 'aes256' } }, begin())).toMatchObject({
      'x-amz-server-side-encryption': 'AES256',
    });
    const kms = await headersOf({ encryption: { type: 'kms', key: 'alias/backup', 'bucket-key': true } }, begin());
    expect(kms).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'alias/backup',
      'x-amz-server-side-encryption-bucket-key-enabled': 'true',
    });
    const key = Buffer.alloc(32, 9);
    const customer = { encryption: { type: 'customer', key: { secret: 'key' } } } as const;
    for (const act of [
      begin(),
      (destination: S3Store) => destination.get('key'),
      (destination: S3Store) => destination.stat('key'),
    ])
      for (const text of [key.toString('base64'), key.toString('hex')])
        expect(await headersOf(customer, act, keys, { key: text })).toMatchObject({
          'x-amz-server-side-encryption-customer-key': key.toString('base64'),
        });
    await expect(requests(customer, begin(), keys, { key: 'short' })).rejects.toThrow(/must have 32/);
  });

  it('has a class by tier for artifacts, and none for the rest', async () => {
    const byTier = {
      recent: 'ONE',
      hourly: 'TWO',
      daily: 'THREE',
      weekly: 'FOUR',
      monthly: 'FIVE',
      quarterly: 'SIX',
      yearly: 'SEVEN',
    };
    const tiers = Object.keys(byTier) as (keyof typeof byTier)[];
    for (const tier of tiers)
      expect(await headersOf({ 'storage-class': byTier }, begin(placed(tier)))).toMatchObject({
        'x-amz-storage-class': byTier[tier],
      });
    expect(await headersOf({ 'storage-class': { monthly: 'COLD' } }, begin(placed('daily')))).not.toHaveProperty(
      'x-amz-storage-class',
    );
    expect(await headersOf({ 'storage-class': 'COLD' }, begin(placed('daily')))).toMatchObject({
      'x-amz-storage-class': 'COLD',
    });
    const replace = (destination: S3Store) => destination.replace('key', Buffer.from('x'));
    expect(await headersOf({ 'storage-class': 'COLD' }, replace)).not.toHaveProperty('x-amz-storage-class');
  });

  it('locks until the retention lets it go, or for a time', async () => {
    const until = new Date('2099-01-01T00:00:00Z');
    const lock = async (mode: 'governance' | 'compliance', length: string, placement?: Placement) => {
      const headers = await headersOf({ 'object-lock': { mode, for: length } }, begin(placement));
      return [headers['x-amz-object-lock-mode'], headers['x-amz-object-lock-retain-until-date']];
    };
    expect(await lock('compliance', 'retention', placed('daily', until))).toEqual([
      'COMPLIANCE',
      '2099-01-01T00:00:00Z',
    ]);
    expect(await lock('governance', 'retention', placed('daily'))).toEqual([undefined, undefined]);
    expect(await lock('governance', 'retention')).toEqual([undefined, undefined]);
    const [mode, date] = await lock('governance', '30d', placed('daily'));
    expect(mode).toBe('GOVERNANCE');
    expect(Math.abs(Date.parse(date!) - Date.now() - 30 * 86_400_000)).toBeLessThan(60_000);
  });

  it('tries a request as often as it is told to', async () => {
    const spec = { bucket: 'shop', endpoint: 'http://127.0.0.1:9', attempts: 2 };
    const destination = await openS3('cloud', spec, opening({}, { environment: keys }));
    let tries = 0;
    destination.client.s3.middlewareStack.add(
      ((next: (args: unknown) => unknown) => (args: unknown) => {
        tries += 1;
        return next(args);
      }) as never,
      { step: 'build' },
    );
    await expect(destination.read('key', 10)).rejects.toThrow(
      /^Destination cloud: cannot read s3:\/\/shop\/key: the connection is refused/,
    );
    expect(tries).toBe(2);
  });

  it('gives a store up that takes questions and never answers, and soon when it was silent before', async () => {
    const sockets = new Set<Socket>();
    let isSilent = true;
    let questions = 0;
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      socket.on('data', () => {
        questions += 1;
        if (!isSilent) socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const spec = { bucket: 'shop', endpoint, timeout: '1s' };
    // Two questions fit into the time of the first and the grace behind it, three do not.
    const patience = { attempts: 4, pause: 1, doubt: 800, grace: 600 };
    const open = async () => await openS3('cloud', spec, opening({}, { environment: keys }), { patience });
    const [destination, later] = [await open(), await open()];
    const asked = async (act: () => Promise<unknown>, seconds: number) => {
      questions = 0;
      const sentence = `the server fell silent: it took the question and did not answer within ${seconds} s.`;
      await expect(act()).rejects.toThrow(sentence);
      return questions;
    };
    try {
      expect(await asked(() => destination.read('key', 10), 0.8)).toBe(2);
      expect(await asked(() => destination.stat('key'), 0.8)).toBe(1);
      expect(await asked(() => later.replace('key', Buffer.from('x')), 0.8)).toBe(1);
      // A network may be gone for some minutes in the midst of a transfer.
      expect(await asked(() => destination.get('key'), 1)).toBe(4);
      isSilent = false;
      expect(await destination.stat('key')).toBeNull();
      isSilent = true;
      expect(await asked(() => destination.stat('key'), 0.8)).toBe(2);
    } finally {
      await Promise.all([destination.close(), later.close()]);
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  it('lets no more through in a second than it may', async () => {
    const throttle = new Throttle(1_000_000);
    const began = performance.now();
    for (let time = 0; time < 5; time += 1) await throttle.take(100_000);
    expect(performance.now() - began).toBeGreaterThan(350);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(
      (await openS3('cloud', { bucket: 'shop', bandwidth: '1MiB' }, opening({}, { environment: keys }))).client
        .throttle,
    ).not.toBeNull();
  });

  it('has parts that hold the largest object, and memory that stays up to 100 GiB', () => {
    const hundred = 100 * 2 ** 30;
    let sum = 0;
    for (let number = 1; number <= mostParts; number += 1) {
      const size = partSizeAt(number, usualPart);
      if (sum < hundred) expect(size * buffersFor(size, usualPart, 4)).toBe(64 * 2 ** 20);
      expect(size).toBeLessThan(5 * 2 ** 30);
      sum += size;
    }
    expect(sum).toBeGreaterThanOrEqual(5 * 2 ** 40);
    // One whose length is foreseen has room for half as much again in parts of one size.
    for (const expected of [0, 1e9, 1e12, 3e12]) {
      const first = firstPartSize(usualPart, expected);
      expect(first * 9000).toBeGreaterThanOrEqual(expected * 1.5);
    }
  });

  it('goes through the proxy that the environment names, but for exceptions', () => {
    const through = (host: string, environment: Record<string, string>) => proxyFor(host, environment)?.href ?? null;
    expect(through('s3.amazonaws.com', { HTTPS_PROXY: 'http://proxy:3128' })).toBe('http://proxy:3128/');
    expect(through('s3.amazonaws.com', { https_proxy: 'proxy:3128' })).toBe('http://proxy:3128/');
    expect(
      through('s3.amazonaws.com', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'localhost, .amazonaws.com' }),
    ).toBeNull();
    expect(through('minio.internal', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'internal' })).toBeNull();
    expect(through('minio.internal2', { HTTPS_PROXY: 'http://proxy', NO_PROXY: 'internal' })).not.toBeNull();
    expect(through('any', { HTTPS_PROXY: 'http://proxy', NO_PROXY: '*' })).toBeNull();
    expect(through('any', {})).toBeNull();
  });
});
