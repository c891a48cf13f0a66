/** Three destinations, each well or not, and how many must hold a backup: what the exit code says, and what lies where. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { type Hook, hooked } from './faults.ts';
import { applyGraph, captureAction, makeWorld, type World } from './world.ts';

const names = ['a', 'b', 'c'];
let world: World;
beforeEach(async () => {
  world = await makeWorld(names);
});
afterEach(() => world.remove());

const failing = (moment: string): Hook => {
  return (now, key, done) => {
    if (now === moment && !done && key.endsWith('.bin')) throw new Error(`${moment} fails`);
  };
};

/** How a destination is not well; none of them may let a backup be counted there. */
const ills: Record<string, (destination: Destination) => Promise<Destination> | Destination> = {
  'takes no artifact': (real) => hooked(world, real.name, failing('put')),
  'fails while bytes flow': (real) => hooked(world, real.name, failing('sink.write')),
  'cannot make it durable': (real) => hooked(world, real.name, failing('sink.prepare')),
  'cannot claim the key': (real) => hooked(world, real.name, failing('sink.publish')),
  'says that the manifest is written, and it is not there': (real) => ({
    ...real,
    write: async (key, bytes) => {
      if (!key.endsWith('.manifest.json')) await real.write(key, bytes);
    },
  }),
  'gives another manifest back': (real) => ({
    ...real,
    read: async (key, limit) => {
      const bytes = await real.read(key, limit);
      return key.endsWith('.manifest.json') ? Buffer.from(bytes).fill(32, 2, 5) : bytes;
    },
  }),
};

/** Every set of destinations that are not well. */
const subsets = Array.from({ length: 8 }, (_, bits) => names.filter((_name, index) => bits & (1 << index)));
const cases = subsets.flatMap((ill) => [1, 2, 3].map((require) => ({ ill, require })));
const few = cases.filter(({ ill, require }) => require === 2 && ill.length % 2 === 1);
/** Of these every case is tried: the first and the last moment at which a copy can be lost. */
const full = new Set(['fails while bytes flow', 'says that the manifest is written, and it is not there']);

async function attempt(ill: string[], require: number, how: (typeof ills)[string]) {
  const count = `printf x >> ${join(world.root, 'asked')}; head -c 300000 /dev/urandom`;
  const destinations: Record<string, Destination> = {};
  for (const name of names) {
    const real = await hooked(world, name, () => {});
    destinations[name] = ill.includes(name) ? await how(real) : real;
  }
  const outcome = await world.run(applyGraph(world, captureAction(world, count, { require })), { destinations });
  const asked = (await readFile(join(world.root, 'asked'), 'utf8').catch(() => '')).length;
  return { outcome, asked };
}

async function holders(): Promise<string[]> {
  const found: string[] = [];
  for (const name of names)
    if ((await world.files(name)).some((file) => file.endsWith('.manifest.json'))) found.push(name);
  return found;
}

describe('a destination that is slow', () => {
  const slowly =
    (pause: number): Hook =>
    async (moment, _key, done) => {
      if (moment === 'sink.write' && done) await new Promise((resolve) => setTimeout(resolve, pause));
    };
  const capture = async (require: number, pause: number) => {
    const action = captureAction(world, 'head -c 90000000 /dev/zero', { require });
    for (const sink of action.branches[0]!.sinks) if (sink.destination === 'c') sink.dropAfter = 0.2;
    const destinations = { c: await hooked(world, 'c', slowly(pause)) };
    return await world.run(applyGraph(world, action), { destinations });
  };

  it('is left out of the backup, which is partial, and nothing of it stays there', async () => {
    const outcome = await capture(2, 1000);
    expect([outcome.exitCode, await holders()]).toEqual([1, ['a', 'b']]);
    expect(outcome.backups[0]?.message).toMatch(/"c".* was left out: it held up the others/);
    expect((await world.files('c')).filter((file) => !file.endsWith('RECOVERY.md'))).toEqual([]);
  });

  it('is waited for where it must hold the backup', async () => {
    const outcome = await capture(3, 30);
    expect([outcome.exitCode, await holders()]).toEqual([0, names]);
  });
});

describe.each(Object.entries(ills))('a destination that %s', (words, how) => {
  it.each(full.has(words) ? cases : few)('$ill of a, b, c, and $require must hold it', async ({ ill, require }) => {
    const { outcome, asked } = await attempt(ill, require, how);
    const well = names.filter((name) => !ill.includes(name));
    expect(outcome.exitCode).toBe(well.length < require ? 2 : ill.length > 0 ? 1 : 0);
    // Nobody is asked where nobody would take it.
    expect(asked).toBe(words === 'takes no artifact' && well.length === 0 ? 0 : 1);
    // The quorum decides the outcome and never deletes a good copy.
    expect(await holders()).toEqual(expect.arrayContaining(well));
    const told = world.events.flatMap((event) => (event.event === 'committed' ? [event.destination] : []));
    expect(told.toSorted()).toEqual(well);
    const [row] = outcome.backups;
    expect(row?.outcome).toBe(well.length < require ? 'failed' : ill.length > 0 ? 'partial' : 'ok');
    for (const name of ill) expect(row?.message).toContain(`"${name}"`);
    for (const name of well) {
      const files = await world.files(name);
      expect(files.filter((file) => /\.(bin|manifest\.json)$/.test(file))).toHaveLength(2);
      expect(files.filter((file) => file.includes('/journal/'))).toEqual([]);
    }
  });
});
