/**
 * 50 processes start at once: one of them holds the lease, the others say so. On a store that refuses to overwrite, and on one
 * that overwrites whatever it is asked (`exclusive: false`), where also starters come late, die in between, or are slow.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/runner.ts';
import { proofTimeout, waitFor } from './support.ts';

const starters = 50;
const home = temporaryDirectory('runner-racing-');
const program = join(home.path, 'starter.mjs');
const running = new Set<ChildProcess>();

beforeAll(() => {
  const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).pathname);
  writeFileSync(
    join(home.path, 'starter.ts'),
    `import { acquireLease } from ${source('catalog/lease.ts')};
    import { local } from ${source('destinations/local/index.ts')};
    import { setTimeout as sleep } from 'node:timers/promises';
    const [root, run, kind, delay] = process.argv.slice(2);
    const store = await local.open('disk', { path: root }, { readSecret: async () => '', environment: process.env, purpose: 'use' });
    const slow = async () => { if (Number(delay) > 0) await sleep(Math.random() * Number(delay)); };
    const overwriting = Object.assign(Object.create(store), {
      name: 'disk', exclusive: false,
      write: async (key, bytes) => { await slow(); await store.replace(key, bytes); await slow(); },
      replace: async (key, bytes) => { await slow(); await store.replace(key, bytes); await slow(); },
    });
    const signal = new AbortController().signal;
    try {
      const lease = await acquireLease(kind === 'overwrites' ? overwriting : store, 'shop', run, { timeout: 0, signal });
      console.log('held');
      for await (const _ of process.stdin);
      await lease.check();
      console.log('still held');
      await lease.release();
    } catch (error) { console.log(error.exitCode === 5 ? 'locked' : String(error)); }`,
  );
  const rolldown = new URL('../../node_modules/.bin/rolldown', import.meta.url).pathname;
  const built = spawnSync(rolldown, [join(home.path, 'starter.ts'), '--platform', 'node', '-o', program], {
    encoding: 'utf8',
  });
  expect(built.status, built.stderr).toBe(0);
});

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  home.remove();
});

type Starter = { child: ChildProcess; first: Promise<string>; last: Promise<string> };

function start(root: string, run: string, kind: 'refuses' | 'overwrites', delay = 0): Starter {
  const child = spawn(process.execPath, [program, root, run, kind, String(delay)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout! });
  reader.on('line', (line) => lines.push(line));
  const closed = once(reader, 'close').then(() => running.delete(child));
  const first = Promise.race([once(reader, 'line').then(([line]) => line as string), closed.then(() => 'died')]);
  return { child, first, last: closed.then(() => lines.at(-1) ?? 'died') };
}

/** Waits for all, then lets the holders go on; what each said first, and what the holders said last. */
async function outcome(all: Starter[]): Promise<{ said: string[]; held: string[] }> {
  const said = await Promise.all(all.map(({ first }) => first));
  const holders = all.filter((_, index) => said[index] === 'held');
  for (const { child } of holders) child.stdin!.end();
  return { said, held: await Promise.all(holders.map(({ last }) => last)) };
}

let turn = 0;
function freshRoot(): string {
  turn += 1;
  const root = join(home.path, `disk-${turn}`);
  mkdirSync(root);
  return root;
}

const leaseFiles = (root: string) => readdirSync(join(root, 'shop/.runner/lease')).toSorted();
const many = (count: number) => Array.from({ length: count }, (_, index) => `run-${index}`);

describe.each(['refuses', 'overwrites'] as const)('at a store that %s', (kind) => {
  it(
    'one of 50 racing starts holds the lease',
    async () => {
      const root = freshRoot();
      const { said, held } = await outcome(many(starters).map((run) => start(root, run, kind)));
      expect(said.filter((line) => line !== 'locked')).toEqual(['held']);
      expect(held).toEqual(['still held']);
      // A slow winner may have given the first epoch up, and all began again; of the files one is left.
      expect(leaseFiles(root)).toEqual([expect.stringMatching(/^0000000\d\.json$/)]);
    },
    proofTimeout,
  );

  it(
    'one of each wave holds it, one after another',
    async () => {
      const root = freshRoot();
      for (let wave = 1; wave <= 3; wave += 1) {
        const { said, held } = await outcome(many(8).map((run) => start(root, `${wave}-${run}`, kind)));
        expect(said.filter((line) => line !== 'locked')).toEqual(['held']);
        expect(held).toEqual(['still held']);
      }
      expect(leaseFiles(root)).toHaveLength(1);
    },
    proofTimeout,
  );
});

describe('at a store that overwrites and is slow', () => {
  it(
    'one of late and slow starters holds the lease',
    async () => {
      const root = freshRoot();
      const all: Starter[] = [];
      for (const run of many(20)) {
        all.push(start(root, run, 'overwrites', 600));
        await sleep(Math.random() * 250);
      }
      const { said, held } = await outcome(all);
      expect(said.filter((line) => line !== 'locked')).toEqual(['held']);
      expect(held).toEqual(['still held']);
    },
    proofTimeout,
  );

  it(
    'a starter that died in between keeps nobody out',
    async () => {
      const root = freshRoot();
      const dead = start(root, 'dead', 'overwrites');
      expect(await waitFor(() => claims(root).length > 0, 20_000)).toBe(true);
      const left = claims(root)[0]!;
      dead.child.kill('SIGKILL');
      await dead.last;
      // The lowest name there can be.
      const folder = join(root, 'shop/.runner/lease');
      renameSync(join(folder, left), join(folder, `00000001.${'0'.repeat(16)}.claim.json`));
      const { said, held } = await outcome([start(root, 'living', 'overwrites')]);
      expect([...said, ...held]).toEqual(['held', 'still held']);
      expect(claims(root)).toEqual([]);
    },
    proofTimeout,
  );
});

const claims = (root: string) =>
  existsSync(join(root, 'shop/.runner/lease')) ? leaseFiles(root).filter((name) => name.endsWith('.claim.json')) : [];
