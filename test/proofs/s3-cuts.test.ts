/**
 * The network to an S3 server is cut in the middle of a run, for good, and mended for the next one. Cuts fall in each phase, before
 * the server heard of a request, in the midst of it, or after it acted. `PROOF=full`: 15 or more in each; else one, of every other phase at each server.
 * Looked at past the cut, at the server itself: every manifest has its whole artifact, nothing unfinished stays after the next run.
 */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it } from 'vitest';
import { type HttpFaultProxy, httpFaultProxy, type Rule } from '../fakes/fault-proxy.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { full, printTable, proofTimeout } from './support.ts';

const partBytes = 5 * 2 ** 20;
const size = 2.4 * partBytes;
const before = { when: 'before', act: 'reset' } as const;
const after = { when: 'after', act: 'reset' } as const;
const somewhere = (most: number) => ({ cutRequest: Math.floor(Math.random() * most) });

/** One cut in each phase: the request that it falls on, and how. */
const phases: Record<string, () => Rule> = {
  'create, before': () => ({ method: 'POST', path: /\?uploads/, ...before }),
  'create, after': () => ({ method: 'POST', path: /\?uploads/, ...after }),
  part: () => ({
    method: 'PUT',
    path: /partNumber=/,
    skip: Math.floor(Math.random() * 3),
    ...somewhere(partBytes / 3),
  }),
  'part, after': () => ({ method: 'PUT', path: /partNumber=/, skip: Math.floor(Math.random() * 3), ...after }),
  'complete, before': () => ({ method: 'POST', path: /uploadId=/, ...before }),
  'complete, after': () => ({ method: 'POST', path: /uploadId=/, ...after }),
  'manifest, before': () => ({ method: 'PUT', path: /\d{4}\/\d\d\/[^?]*\.manifest\.json(\?|$)/, ...before }),
  'manifest, midst': () => ({ method: 'PUT', path: /\d{4}\/\d\d\/[^?]*\.manifest\.json(\?|$)/, ...somewhere(400) }),
  'manifest, after': () => ({ method: 'PUT', path: /\d{4}\/\d\d\/[^?]*\.manifest\.json(\?|$)/, ...after }),
  list: () => ({
    method: 'GET',
    path: /list-type=2/,
    skip: Math.floor(Math.random() * 6),
    cut: Math.floor(Math.random() * 300),
  }),
  'delete, before': () => ({ method: 'DELETE', path: /\d{4}\/\d\d\//, skip: Math.floor(Math.random() * 2), ...before }),
  'delete, after': () => ({ method: 'DELETE', path: /\d{4}\/\d\d\//, skip: Math.floor(Math.random() * 2), ...after }),
  'lease, before': () => ({ method: 'PUT', path: /\.runner\/lease/, ...before }),
  'lease, after': () => ({ method: 'PUT', path: /\.runner\/lease/, ...after }),
};
const cutsOf = (phase: string) => (full ? (/^(part|list)$/.test(phase) ? 12 : 8) : 1);

const engines: Engine[] = ['minio', 'versitygw'];

describe.each(engines)('%s', (engine) => {
  const home = temporaryDirectory('runner-cuts-');
  let server: S3Server | undefined;
  let proxy: HttpFaultProxy | undefined;
  afterAll(async () => {
    await proxy?.end();
    await server?.stop();
    home.remove();
  });

  it.skipIf(!hasEngine(engine))(
    'a network that is cut leaves nothing half visible, and the next run heals',
    async () => {
      server = await startS3(engine);
      proxy = await httpFaultProxy({ port: server.port });
      const bucket = await server.bucket();
      const owner = server.client();
      const env = server.environment();
      writeFileSync(join(home.path, 'plan.yaml'), JSON.stringify(plan(server, proxy, bucket)));
      const apply = async () => {
        writeFileSync(join(home.path, 'data'), randomBytes(size));
        return await runner(['apply', 'plan.yaml', '--json'], { cwd: home.path, env });
      };
      for (let old = 0; old < 3; old += 1) expect((await apply()).exitCode).toBe(0);
      const rows: Record<string, string | number>[] = [];
      // In a sample each server has every other phase.
      const chosen = Object.entries(phases).filter((_, index) => full || index % 2 === engines.indexOf(engine));
      for (const [phase, rule] of chosen) {
        const row = { phase, cuts: 0, 'not hit': 0, 'run had failed': 0, 'committed all the same': 0 };
        for (let tries = 0; row.cuts < cutsOf(phase) && tries < cutsOf(phase) * 3; tries += 1) {
          const count = (await shelf(owner, bucket)).length;
          const hit = await outage(proxy, rule(), apply);
          if (!hit) {
            row['not hit'] += 1;
            continue;
          }
          row.cuts += 1;
          if (hit.exitCode !== 0) row['run had failed'] += 1;
          // No visible partial, whatever the run has said.
          if ((await shelf(owner, bucket)).length > count) row['committed all the same'] += 1;
          const next = await apply();
          expect(next.exitCode, `${phase}: ${next.stdout}${next.stderr}`).toBe(0);
          await nothingLeft(owner, bucket, phase);
        }
        rows.push(row);
        expect(row.cuts, `${phase} was not hit`).toBe(cutsOf(phase));
      }
      printTable(`the network to ${engine} cut, artifact of ${size / 1e6} MB in 3 parts`, rows);
      const verified = await runner(['verify', 'plan.yaml'], { cwd: home.path, env });
      expect(verified.exitCode, verified.stderr).toBe(0);
      owner.destroy();
    },
    proofTimeout * 4,
  );
});

function plan(server: S3Server, proxy: HttpFaultProxy, bucket: string): object {
  const destination = {
    ...server.spec(bucket),
    endpoint: `http://127.0.0.1:${proxy.port}`,
    'part-size': '5MiB',
    attempts: 2,
    // A busy machine is no silent server.
    timeout: '20s',
  };
  return {
    version: 1,
    name: 'shop',
    destinations: { cloud: destination },
    backups: {
      data: { source: { type: 'command', run: ['cat', 'data'] }, destinations: ['cloud'], retention: { last: 3 } },
    },
  };
}

/** A run during which the network goes away with that rule and stays away. Null when no request fitted. */
async function outage(proxy: HttpFaultProxy, rule: Rule, apply: () => Promise<{ exitCode: number | null }>) {
  const cut = proxy.add(rule);
  const watch = setInterval(() => {
    if (cut.hits > 0) proxy.add({ act: 'reset', times: Number.POSITIVE_INFINITY });
    if (cut.hits > 0) clearInterval(watch);
  }, 1);
  const finished = await apply();
  clearInterval(watch);
  proxy.mend();
  return cut.hits > 0 ? finished : null;
}

/** The manifests that are visible, each of which must have its artifact, whole. */
async function shelf(owner: S3Client, bucket: string): Promise<string[]> {
  const keys = await keysOf(owner, bucket);
  const manifests = keys.filter((key) => /\/\d{4}\/\d\d\/[^/]*\.manifest\.json$/.test(key));
  for (const key of manifests) {
    const { artifacts } = JSON.parse(Buffer.from(await bytesOf(owner, bucket, key)).toString());
    for (const artifact of artifacts) {
      const bytes = await bytesOf(owner, bucket, artifact.key);
      expect(createHash('sha256').update(bytes).digest('hex'), artifact.key).toBe(artifact.sha256);
    }
  }
  return manifests;
}

/** After the next run: the backups, each with one artifact and no artifact else, no journal, no unfinished upload. */
async function nothingLeft(owner: S3Client, bucket: string, phase: string): Promise<void> {
  const manifests = await shelf(owner, bucket);
  const keys = await keysOf(owner, bucket);
  // A commit that was rolled forward came after this run had said what it would delete: the next one deletes one more.
  expect([3, 4, 5], phase).toContain(manifests.length);
  expect(keys.filter((key) => /\/data-[^/]+$/.test(key) && !/\.json(\.sig)?$/.test(key)).length, phase).toBe(
    manifests.length,
  );
  expect(
    keys.filter((key) => key.includes('/.runner/journal/')),
    phase,
  ).toEqual([]);
  const { Uploads = [] } = await owner.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  expect(Uploads, phase).toEqual([]);
}

async function keysOf(owner: S3Client, bucket: string): Promise<string[]> {
  const { Contents = [] } = await owner.send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key }) => Key!);
}

async function bytesOf(owner: S3Client, bucket: string, key: string): Promise<Uint8Array> {
  const { Body } = await owner.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return await Body!.transformToByteArray();
}
