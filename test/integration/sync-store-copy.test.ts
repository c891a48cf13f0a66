/** Where both ends are one store it copies by itself; what it made is read back and hashed before anybody may see it. */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compileSync } from '../../src/compile/index.ts';
import type { Destination, Sink } from '../../src/destination.ts';
import { local } from '../../src/destinations/local/index.ts';
import { executeGraph } from '../../src/execute/run.ts';
import { readFacts } from '../../src/facts.ts';
import { readPlan } from '../../src/plan/read.ts';
import { type HttpFaultProxy, httpFaultProxy } from '../fakes/fault-proxy.ts';
import { opening } from '../helpers/opening.ts';
import { built, runner } from '../helpers/runner.ts';
import { type Engine, hasEngine, type S3Server, startS3 } from '../helpers/s3-servers.ts';
import { artifactAt, makeSyncWorld, type SyncWorld } from './sync-world.ts';

beforeAll(built);
let world: SyncWorld;
beforeEach(async () => {
  world = await makeSyncWorld();
});
afterEach(() => world.remove());

const environment = () => ({ PATH: process.env.PATH, TMPDIR: join(world.root, 'tmp') });

/** The sync of this world, in which `nas` copies from `main` by itself; how often bytes were read there, and taken here. */
async function syncWith(change: (bytes: Buffer) => Buffer) {
  const { resolved: plan } = await readPlan(world.plan, { environment: environment() });
  const backups = plan.backups.map(({ name }) => name);
  const facts = await readFacts(plan, { environment: environment(), backups: [], copies: { backups, all: false } });
  const graph = compileSync(plan, facts, { all: false });
  const open = (name: string) => local.open(name, { path: join(world.root, name) }, opening());
  const seen = { read: 0, taken: 0 };
  const [main, nas] = [await open('main'), await open('nas')];
  const source: Destination = Object.assign(Object.create(main), {
    get: (key: string) => {
      seen.read += 1;
      return main.get(key);
    },
  });
  const target: Destination = Object.assign(Object.create(nas), {
    put: (key: string, attempt: string) => {
      seen.taken += 1;
      return nas.put(key, attempt);
    },
    copy: async (_from: Destination, key: string): Promise<Sink> => {
      const path = join(world.root, 'nas', key);
      return {
        write: () => Promise.reject(new Error('takes no bytes')),
        prepare: async () => {
          await mkdir(dirname(path), { recursive: true });
          await copyFile(join(world.root, 'main', key), path);
          const bytes = change(await readFile(path));
          await writeFile(path, bytes);
          return { size: bytes.length };
        },
        publish: async () => {},
        abort: () => rm(path, { force: true }),
      };
    },
  });
  const outcome = await executeGraph(graph, plan, {
    environment: environment(),
    signal: new AbortController().signal,
    emit: () => {},
    destinations: { main: source, nas: target },
  });
  return { outcome, seen };
}

describe('a store that copies by itself', () => {
  async function lacking(): Promise<string> {
    world.down('nas');
    expect((await world.run('apply')).exitCode).toBe(1);
    world.up('nas');
    return world.at('main')[0]!;
  }

  it('is let do it, and nothing of it passes through here', async () => {
    const id = await lacking();
    const { outcome, seen } = await syncWith((bytes) => bytes);
    expect([outcome.exitCode, world.at('nas')]).toEqual([0, [id]]);
    // Small files, of which none is an artifact, are put as well.
    expect(seen.read).toBe(0);
    expect(await readFile(artifactAt(world, 'nas', id))).toEqual(await readFile(artifactAt(world, 'main', id)));
  });

  it('is not believed: what it did wrong is sent again', async () => {
    const id = await lacking();
    const { outcome, seen } = await syncWith((bytes) => {
      bytes[7]! ^= 1;
      return bytes;
    });
    expect([outcome.exitCode, world.at('nas'), seen.read]).toEqual([0, [id], 1]);
    expect(await readFile(artifactAt(world, 'nas', id))).toEqual(await readFile(artifactAt(world, 'main', id)));
  });
});

describe.each<Engine>(['minio', 'versitygw'])('%s', (engine) => {
  describe.skipIf(!hasEngine(engine))('holds two copies', () => {
    let server: S3Server;
    let line: HttpFaultProxy;
    beforeAll(async () => {
      server = await startS3(engine);
      line = await httpFaultProxy({ port: server.port });
    });
    afterEach(async () => {
      await line?.end();
      await server?.stop();
    });

    it('of which one is made from the other, in another bucket, without the source', async () => {
      const [one, two] = [await server.bucket(), await server.bucket()];
      const endpoint = `http://127.0.0.1:${line.port}`;
      const write = (places: string[], script: string) =>
        writeFile(
          world.plan,
          JSON.stringify({
            version: 1,
            name: 'shop',
            destinations: {
              one: { ...server.spec(one), endpoint, prefix: 'a' },
              two: { ...server.spec(two), endpoint, prefix: 'b' },
            },
            backups: {
              orders: {
                source: { type: 'command', run: ['sh', '-c', script], extension: '.bin' },
                destinations: places,
              },
            },
          }),
        );
      const run = (words: string[]) => runner(words, { env: { ...server.environment(), ...environment() } });
      await write(['one'], 'head -c 20000000 /dev/urandom');
      expect((await run(['apply', world.plan])).exitCode).toBe(0);
      await write(['one', 'two'], 'exit 7');
      expect((await run(['sync', world.plan])).exitCode).toBe(0);
      const list = async () => JSON.parse((await run(['list', world.plan, '--json'])).stdout).backups;
      expect((await list())[0].copies).toHaveLength(1);
      const before = line.seen.length;
      const { exitCode, stderr } = await run(['sync', world.plan, '--all']);
      expect(exitCode, stderr).toBe(0);
      // Its bytes come here once, to be hashed where they were copied to.
      const reads = line.seen.slice(before).filter(({ method, path }) => method === 'GET' && /\.bin(\?|$)/.test(path));
      expect(new Set(reads.map(({ path }) => path.split('/')[1]))).toEqual(new Set([two]));
      const [row] = await list();
      expect(row.copies).toEqual([
        { destination: 'one', state: 'good' },
        { destination: 'two', state: 'good' },
      ]);
      expect((await run(['verify', world.plan, '--id', row.id, '--level', 'checksum'])).exitCode).toBe(0);
    });
  });
});
