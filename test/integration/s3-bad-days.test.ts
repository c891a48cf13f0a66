/** Bad days of a bucket, by the command line: each ends with one sentence that says what to do, and the next good day is as if nothing had been. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpFaultProxy, httpFaultProxy, type Rule } from '../fakes/fault-proxy.ts';
import { type Finished, runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { full } from '../proofs/support.ts';

/** What the server does, to which verb of ours, and what a person reads. */
type Day = { rule: Rule; verb?: 'apply' | 'verify' | 'restore' | 'list'; exit: number; says: RegExp };

const always = Number.POSITIVE_INFINITY;
const refusal = (code: string, more = '') =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>No.</Message>${more}</Error>`;
const part = { method: 'PUT', path: /partNumber=/ };
const completion = { method: 'POST', path: /uploadId=/ };
const artifact = { method: 'GET', path: /\.bin(\?|$)/ };
const manifest = { method: 'GET', path: /\d{4}\/\d\d\/[^?]*\.manifest\.json(\?|$)/ };
const listing = { method: 'GET', path: /list-type=2/ };

const away: Record<string, Day> = {
  'the bucket is in another region (301)': {
    rule: {
      answer: 301,
      body: refusal('PermanentRedirect'),
      headers: { 'x-amz-bucket-region': 'eu-west-3' },
      times: always,
    },
    exit: 2,
    says: /the bucket is in another region: set `region: eu-west-3`/,
  },
  'it was signed for another region': {
    rule: {
      answer: 400,
      body: refusal('AuthorizationHeaderMalformed', '<Region>eu-west-3</Region>'),
      times: always,
    },
    exit: 2,
    says: /the bucket is in another region: set `region: eu-west-3`/,
  },
  'the server sends elsewhere and does not say where (307)': {
    rule: {
      answer: 307,
      body: refusal('TemporaryRedirect'),
      headers: { location: 'http://127.0.0.1:9/' },
      times: always,
    },
    exit: 2,
    says: /the bucket is elsewhere: check `region` and `endpoint`/,
  },
  'the token expired before': {
    rule: { answer: 400, body: refusal('ExpiredToken'), times: always },
    exit: 2,
    says: /the session token has expired: log in again, or use credentials that renew themselves/,
  },
  'the token expires in the middle': {
    rule: { ...part, skip: 1, answer: 400, body: refusal('ExpiredToken'), times: always },
    exit: 2,
    says: /cannot upload a part of s3:\S+: the session token has expired: log in again/,
  },
  'the quota is used up': {
    rule: { ...part, answer: 403, body: refusal('QuotaExceeded'), times: always },
    exit: 2,
    says: /no room is left there: free some, or have the quota raised/,
  },
  'a part arrives damaged, every time': {
    rule: { ...part, answer: 400, body: refusal('BadDigest'), times: always },
    exit: 2,
    says: /what arrived is not what was sent: something between here and the server damages data/,
  },
  'completion answers 200 with an error in it, and nothing is there': {
    rule: { ...completion, answer: 200, body: refusal('InternalError'), times: always },
    exit: 2,
    says: /cannot finish the upload of s3:\S+: the server reports a fault of its own/,
  },
  'the server holds fewer parts than were sent': {
    rule: {
      method: 'GET',
      path: /uploadId=/,
      answer: 200,
      body: '<?xml version="1.0"?><ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>',
      times: always,
    },
    exit: 2,
    says: /of the 2 parts of s3:\S+ the server holds 0/,
  },
};

const silent: Record<string, Day> = {
  'silence at the first request': { rule: { act: 'stall', times: always }, exit: 2, says: /the server fell silent/ },
  'silence at a part': {
    rule: { ...part, act: 'stall', times: always },
    exit: 2,
    says: /cannot upload a part of s3:\S+: the server fell silent/,
  },
  'silence at completion': {
    rule: { ...completion, act: 'stall', times: always },
    exit: 2,
    says: /cannot finish the upload of s3:\S+: the server fell silent/,
  },
  'silence in a listing': {
    rule: { ...listing, act: 'stall', times: always },
    verb: 'list',
    exit: 2,
    says: /cannot list s3:\S+: the server fell silent/,
  },
};

const damaged: Record<string, Day> = {
  'the last byte of an artifact is missing': {
    rule: { ...artifact, keep: -1, times: always },
    verb: 'verify',
    exit: 2,
    says: /\bbytes\b/,
  },
  'a bit of an artifact is flipped': {
    rule: { ...artifact, flip: 77, times: always },
    verb: 'verify',
    exit: 2,
    says: /is damaged at "cloud": the bytes of \S+ have changed/,
  },
  'a bit of what is restored is flipped': {
    rule: { ...artifact, flip: 77, times: always },
    verb: 'restore',
    exit: 2,
    says: /is not what was backed up \(its bytes differ\); nothing was touched: take another copy with --from DESTINATION/,
  },
  'an artifact is cut at the same byte, every time': {
    rule: { ...artifact, cut: 1000, times: always },
    verb: 'restore',
    exit: 2,
    says: /the connection broke, and did so at every try/,
  },
  'a manifest is cut short': {
    rule: { ...manifest, keep: 40, times: always },
    verb: 'restore',
    exit: 2,
    says: /the manifest of data-\S+ at cloud cannot be read: /,
  },
  'a listing is cut short': {
    rule: { ...listing, keep: 150, times: always },
    verb: 'list',
    exit: 2,
    says: /cannot list s3:\S+/,
  },
  'a listing that goes on and does not say how': {
    rule: {
      ...listing,
      answer: 200,
      body: '<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
      times: always,
    },
    verb: 'list',
    exit: 2,
    says: /its list of s3:\S+ goes on, and not how/,
  },
};

/** One reset is no bad day: what was cut is done again. */
const once: Record<string, Rule> = {
  'creation, before': { method: 'POST', path: /\?uploads/, act: 'reset' },
  'creation, after': { method: 'POST', path: /\?uploads/, when: 'after', act: 'reset' },
  part: { ...part, cutRequest: 100_000 },
  'part, after': { ...part, when: 'after', act: 'reset' },
  'completion, before': { ...completion, act: 'reset' },
  'completion, after': { ...completion, when: 'after', act: 'reset' },
  'the manifest, before': { method: 'PUT', path: /\d{4}\/\d\d\/[^?]*\.manifest\.json(\?|$)/, act: 'reset' },
  'the manifest, after': {
    method: 'PUT',
    path: /\d{4}\/\d\d\/[^?]*\.manifest\.json(\?|$)/,
    when: 'after',
    act: 'reset',
  },
  'the listing': { ...listing, cut: 100 },
  'the lease, after': { method: 'PUT', path: /\.runner\/lease/, when: 'after', act: 'reset' },
  'a deletion, after': { method: 'DELETE', when: 'after', act: 'reset' },
};

const data = randomBytes(6_000_000);

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('has a bad day', () => {
    const home = temporaryDirectory('runner-bad-days-');
    let server: S3Server;
    let proxy: HttpFaultProxy;
    let bucket: string;
    let turn = 0;
    beforeAll(async () => {
      server = await startS3(engine);
      proxy = await httpFaultProxy({ port: server.port });
      bucket = await server.bucket();
      writeFileSync(join(home.path, 'data'), data);
    });
    afterAll(async () => {
      await proxy?.end();
      await server?.stop();
      home.remove();
    });

    const run = (words: string[]): Promise<Finished> => runner(words, { cwd: home.path, env: server.environment() });
    const words = { apply: [], verify: [], list: [], restore: ['data', '--latest', '--to', 'back', '--yes'] };

    /** A plan with a prefix of its own, through the proxy. */
    function fresh(): { file: string; prefix: string; wait(timeout: string): void } {
      turn += 1;
      const prefix = `day-${turn}`;
      const endpoint = `http://127.0.0.1:${proxy.port}`;
      const cloud = { ...server.spec(bucket), endpoint, prefix, attempts: 2, 'part-size': '5MiB' };
      const allow = { 'no-restore-test': 'a test' };
      const source = { type: 'command', run: ['cat', 'data'] };
      const backups = { data: { source, destinations: ['cloud'], retention: { last: 1 }, allow } };
      const file = `${prefix}.yaml`;
      const wait = (timeout: string) => {
        const destinations = { cloud: { ...cloud, timeout } };
        writeFileSync(join(home.path, file), JSON.stringify({ version: 1, name: 'shop', destinations, backups }));
      };
      // Only a server that is silent on purpose is given up soon: a busy one may take its time.
      wait('60s');
      return { file, prefix, wait };
    }

    async function nothingHalf(prefix: string): Promise<void> {
      const client = server.client();
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }));
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix }));
      client.destroy();
      const names = Contents.map(({ Key }) => Key!);
      const committed = names.filter((name) => /\/\d{4}\/\d\d\/[^/]*\.manifest\.json$/.test(name));
      expect(names.filter((name) => name.endsWith('.bin'))).toHaveLength(committed.length);
      expect(committed).toHaveLength(1);
      expect(Uploads).toEqual([]);
    }

    // What the proxy says in a server's stead needs no second server.
    it.each(Object.entries(engine === 'minio' ? { ...away, ...silent } : damaged))(
      '%s',
      async (_, { rule, verb = 'apply', exit, says }) => {
        const { file, prefix, wait } = fresh();
        if (verb !== 'apply') expect((await run(['apply', file])).exitCode).toBe(0);
        const active = proxy.add(rule);
        if (rule.act === 'stall') wait('3s');
        const met = await run([verb, file, ...words[verb]]);
        proxy.mend();
        wait('60s');
        expect(active.hits, 'the fault was met').toBeGreaterThan(0);
        expect(met.exitCode, met.stdout + met.stderr).toBe(exit);
        expect(met.stdout + met.stderr).toMatch(says);
        if (verb === 'apply') {
          const next = await run(['apply', file]);
          expect(next.exitCode, next.stdout + next.stderr).toBe(0);
        }
        await nothingHalf(prefix);
      },
    );

    // A connection is reset by the proxy, whatever server is behind it.
    it.runIf(full || engine === 'minio')(
      'and a connection that is reset once in each phase is no bad day',
      async () => {
        const { file, prefix } = fresh();
        expect((await run(['apply', file])).exitCode).toBe(0);
        for (const [phase, rule] of Object.entries(once)) {
          const active = proxy.add(rule);
          const met = await run(['apply', file]);
          proxy.mend();
          expect(active.hits, `${phase} was met`).toBe(1);
          expect(met.exitCode, `${phase}: ${met.stdout}${met.stderr}`).toBe(0);
        }
        await nothingHalf(prefix);
      },
    );
  });
});
