/**
 * 50 processes start at once: one of them holds the lease, the others say so. On a store that refuses to overwrite, and on one
 * that overwrites whatever it is asked (`exclusive: false`), where also starters come late, die in between, or are slow.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/runner.ts';
import { bundled, outcome, race, type Starter, Starters, source } from './starters.ts';
import { proofTimeout, waitFor } from './support.ts';

const count = 50;
const home = temporaryDirectory('runner-racing-');
let starters: Starters;

beforeAll(() => {
  writeFileSync(
    join(home.path, 'starter.ts'),
    `import { acquireLease } from ${source('catalog/lease.ts')};
    import { local } from ${source('destinations/local/index.ts')};
    import { setTimeout as sleep } from 'node:timers/promises';
    const [root, run, kind, delay] = process.argv.slice(2);
    const disk = await local.open('disk', { path: root }, { readSecret: async () => '', environment: process.env, purpose: 'use' });
    const slow = async () => { if (Number(delay) > 0) await sleep(Math.random() * Number(delay)); };
    const overwriting = Object.assign(Object.create(disk), {
      name: 'disk', exclusive: false,
      write: async (key, bytes) => { await slow(); await disk.replace(key, bytes); await slow(); },
      replace: async (key, bytes) => { await slow(); await disk.replace(key, bytes); await slow(); },
    });
    const store = kind === 'overwrites' ? overwriting : disk;
    ${race}`,
  );
  bundled(join(home.path, 'starter.ts'), join(home.path, 'built'));
  starters = new Starters(join(home.path, 'built/starter.js'));
});

afterAll(() => {
  starters?.end();
  home.remove();
});

const start = (root: string, run: string, kind: 'refuses' | 'overwrites', delay = 0): Starter =>
  starters.start([root, run, kind, String(delay)]);

let turn = 0;
function freshRoot(): string {
  turn += 1;
  const root = join(home.path, `disk-${turn}`);
  mkdirSync(root);
  return root;
}

const leaseFiles = (root: string) => readdirSync(join(root, 'shop/.runner/lease')).toSorted();
const many = (length: number) => Array.from({ length }, (_, index) => `run-${index}`);

describe.each(['refuses', 'overwrites'] as const)('at a store that %s', (kind) => {
  it(
    'one of 50 racing starts holds the lease',
    async () => {
      const root = freshRoot();
      const { said, held } = await outcome(many(count).map((run) => start(root, run, kind)));
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
