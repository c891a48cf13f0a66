/** Consistency groups: one moment, one end of the ids, and sets that fill slots only when they are whole. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../src/catalog/format.ts';
import { setOf } from '../../src/catalog/identity.ts';
import { acquireLease } from '../../src/catalog/lease.ts';
import { readShelf } from '../../src/catalog/shelf.ts';
import { chooseSet } from '../../src/commands/choose-set.ts';
import type { Shelves } from '../../src/commands/shelves.ts';
import { compileApply } from '../../src/compile/apply.ts';
import { compilePrune } from '../../src/compile/prune.ts';
import { local } from '../../src/destinations/local/index.ts';
import { readFacts } from '../../src/facts.ts';
import type { ResolvedBackup, ResolvedGroup } from '../../src/plan/resolved.ts';
import { renderText } from '../../src/preview/text.ts';
import type { RetentionPolicy } from '../../src/retention/policy.ts';
import { opening } from '../helpers/opening.ts';
import { built } from '../helpers/runner.ts';
import { hooked } from './faults.ts';
import { makeWorld, type World } from './world.ts';

vi.mock('../../src/registry.ts', async (original) => {
  const real = await original<typeof import('../../src/registry.ts')>();
  const { momentKind } = await import('./fake-moment.ts');
  return { ...real, findSource: (type: string) => (type === 'moment' ? momentKind : real.findSource(type)) };
});

beforeAll(built);
let world: World;
beforeEach(async () => {
  world = await makeWorld(['main', 'nas']);
  writeFileSync(join(world.root, 'orders'), 'orders of the moment\n');
  writeFileSync(join(world.root, 'stock'), 'stock of the moment\n');
  writeFileSync(join(world.root, 'uploads'), 'uploads of the moment\n');
  world.plan.backups = [database('orders'), files('uploads'), database('stock')];
  world.plan.groups = [group()];
});
afterEach(() => world.remove());

const keepTwo: RetentionPolicy = { last: 2, tiers: {}, tags: [], floor: 1, weekStarts: 'monday' };
const log = () => join(world.root, 'log');
const events = () =>
  existsSync(log()) ? readFileSync(log(), 'utf8').trim().replaceAll(`${world.root}/`, '').split('\n') : [];
const sh = (script: string) => ['sh', '-ec', `cd ${world.root}; ${script}`];

function backupOf(name: string, source: ResolvedBackup['source']): ResolvedBackup {
  const retention = Object.fromEntries(world.names.map((one) => [one, keepTwo]));
  return { ...structuredClone(world.plan.backups[0]!), name, source, retention, verify: [] };
}

const database = (name: string) =>
  backupOf(name, { name, type: 'moment', spec: { type: 'moment', path: join(world.root, name), log: log() } });
const files = (name: string, script = `echo "read ${name}" >> log; cat ${name}`) =>
  backupOf(name, { name, type: 'command', spec: { type: 'command', run: sh(script), extension: '.txt' } });

function group(change: Partial<NonNullable<ResolvedGroup['quiesce']>> = {}): ResolvedGroup {
  return {
    name: 'shop',
    members: ['orders', 'uploads', 'stock'],
    quiesce: {
      before: [{ run: sh('echo freeze >> log; touch frozen') }],
      after: [{ run: sh('echo thaw >> log; rm -f frozen') }],
      maxHold: 300,
      ...change,
    },
  };
}

async function compiled(only?: string[]) {
  const facts = await readFacts(world.plan, { environment: { PATH: process.env.PATH } });
  return compileApply(world.plan, facts, only ? { only } : {});
}
const apply = async (options: Parameters<World['run']>[1] = {}) => await world.run(await compiled(), options);

/** What lies at a destination, by the end of the ids. */
async function sets(name = 'main'): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const file of await world.files(name)) {
    if (!file.endsWith('.manifest.json')) continue;
    const id = file.split('/').at(-1)!.split('.')[0]!;
    found.set(setOf(id), [...(found.get(setOf(id)) ?? []), id.split('-')[0]!].sort());
  }
  return found;
}
const all = ['orders', 'stock', 'uploads'];
const fates = (outcome: { backups: { name: string; outcome: string }[] }) =>
  Object.fromEntries(outcome.backups.map(({ name, outcome: one }) => [name, one]));

async function manifests(name = 'main'): Promise<Manifest[]> {
  const found = (await world.files(name)).filter((file) => file.endsWith('.manifest.json'));
  return await Promise.all(found.map(async (file) => JSON.parse(await readFile(world.at(name, file), 'utf8'))));
}

describe('one moment', () => {
  it('holds still, opens every snapshot, reads what has none, goes on, and only then reads the snapshots', async () => {
    world.plan.groups[0]!.quiesce!.after.push({ run: sh('echo "changed afterwards" > orders; echo woken >> log') });
    await whole();
    const seen = events();
    const at = (event: string) => seen.indexOf(event);
    expect(seen).toHaveLength(8);
    expect(at('freeze')).toBe(0);
    expect([at('snapshot orders'), at('snapshot stock')].toSorted()).toEqual([1, 2]);
    expect(seen.slice(3, 6)).toEqual(['read uploads', 'thaw', 'woken']);
    expect([at('read orders'), at('read stock')].toSorted()).toEqual([6, 7]);
    const found = await manifests();
    const orders = found.find(({ backup }) => backup === 'orders')!;
    expect(await readFile(world.at('nas', orders.artifacts[0]!.key), 'utf8')).toBe('orders of the moment\n');
  });

  it('gives all members the same end of the id, the set and the run; the time of the data is that of the snapshot', async () => {
    const outcome = await apply();
    const found = await manifests('nas');
    expect(new Set(found.map(({ id }) => setOf(id))).size).toBe(1);
    expect(setOf(found[0]!.id).endsWith(outcome.run.slice(-6))).toBe(true);
    for (const { set } of found)
      expect(set).toEqual({ name: 'shop', id: outcome.run, members: ['orders', 'uploads', 'stock'] });
    const of = (name: string) => found.find(({ backup }) => backup === name)!.moment;
    expect(Date.parse(of('orders').to)).toBeLessThanOrEqual(Date.parse(of('uploads').to));
    expect(outcome.bindings['snapshot:orders.to']).toBe(of('orders').to);
    expect(outcome.bindings['snapshot:orders.from']).toBe(of('orders').from);
  });

  it('a stamp is later than that of every member, also when one of them ran ahead', async () => {
    await whole();
    const [first] = [...(await sets()).keys()];
    for (let turn = 0; turn < 3; turn += 1) await whole();
    const keys = [...(await sets()).keys()].sort();
    // Four sets within a second or two: the oldest two are gone, and no stamp came twice.
    expect(new Set(keys.map((key) => key.slice(0, 16))).size).toBe(keys.length);
    expect(keys.every((key) => key > first!)).toBe(true);
  });

  it('whoever names one member makes all', async () => {
    const graph = await compiled(['stock']);
    expect(graph.tasks.flatMap(({ action }) => (action.do === 'capture' ? [action.backup] : [])).sort()).toEqual(all);
  });

  it('the preview shows once when it holds still and when it goes on', async () => {
    const text = renderText(await compiled());
    for (const word of ['echo freeze', 'echo thaw']) expect(text.split(word)).toHaveLength(2);
    expect(text.indexOf('echo freeze')).toBeLessThan(text.indexOf('cp "$1" "$3"'));
    expect(text.indexOf('echo "read uploads"')).toBeLessThan(text.indexOf('echo thaw'));
  });
});

describe('when the moment fails', () => {
  it('a step that holds still: what lets it go on runs, and nothing is backed up', async () => {
    world.plan.groups = [
      group({ before: [{ run: sh('echo freeze >> log; touch frozen') }, { run: sh('echo no >&2; exit 3') }] }),
    ];
    const outcome = await apply();
    expect(outcome.exitCode).toBe(2);
    expect(events()).toEqual(['freeze', 'thaw']);
    expect(existsSync(join(world.root, 'frozen'))).toBe(false);
    expect((await sets()).size).toBe(0);
    expect(fates(outcome)).toEqual({ orders: 'failed', uploads: 'failed', stock: 'failed' });
  });

  it('held too long: what is still to be read fails, the snapshots are read, and the application goes on', async () => {
    world.plan.groups = [group({ maxHold: 6 })];
    world.plan.backups[1] = files('uploads', 'echo "read uploads" >> log; cat uploads; sleep 60');
    const outcome = await apply();
    expect(fates(outcome)).toEqual({ orders: 'ok', uploads: 'failed', stock: 'ok' });
    expect(outcome.exitCode).toBe(1);
    expect(existsSync(join(world.root, 'frozen'))).toBe(false);
    expect(events().filter((event) => event === 'thaw')).toHaveLength(1);
    expect(events().indexOf('thaw')).toBeLessThan(events().indexOf('read orders'));
    expect([...(await sets()).values()]).toEqual([['orders', 'stock']]);
  });

  it('a snapshot: that member is missing, the others are made', async () => {
    writeFileSync(join(world.root, 'stock.broken'), '');
    const outcome = await apply();
    expect(fates(outcome)).toEqual({ orders: 'ok', uploads: 'ok', stock: 'failed' });
    expect([...(await sets()).values()]).toEqual([['orders', 'uploads']]);
    expect(events().at(-1)).toBe('read orders');
    expect(existsSync(join(world.root, 'frozen'))).toBe(false);
  });

  it('a hook before one member: it is missing, and what is held still waits for nothing', async () => {
    world.plan.backups[1]!.hooks.before = [{ run: sh('exit 3') }];
    const outcome = await apply();
    expect(fates(outcome)).toEqual({ orders: 'ok', uploads: 'failed', stock: 'ok' });
    expect(existsSync(join(world.root, 'frozen'))).toBe(false);
  });

  it('another run holds the lock: nothing is held still at all', async () => {
    const destination = await local.open('main', { path: world.at('main') }, opening());
    const lease = await acquireLease(destination, 'shop', 'another-run', {
      timeout: 0,
      signal: new AbortController().signal,
    });
    const outcome = await apply();
    await lease.release();
    expect([outcome.exitCode, events()]).toEqual([5, []]);
  });

  it('interrupted: it goes on', async () => {
    const controller = new AbortController();
    world.plan.backups[1] = files('uploads', 'echo "read uploads" >> log; touch reading; sleep 60');
    const timer = setInterval(() => {
      if (existsSync(join(world.root, 'reading'))) controller.abort(new Error('SIGTERM'));
    }, 20);
    const outcome = await apply({ signal: controller.signal });
    clearInterval(timer);
    expect(outcome.exitCode).toBe(143);
    expect(existsSync(join(world.root, 'frozen'))).toBe(false);
    expect((await sets()).size).toBe(0);
  });
});

/** One run in which every member is made. */
async function whole() {
  const outcome = await apply();
  const told = [...outcome.results].flatMap(([id, { outcome: one, message }]) =>
    one === 'failed' ? [`${id}: ${message}`] : [],
  );
  expect([outcome.exitCode, told]).toEqual([0, []]);
}

async function prune() {
  const facts = await readFacts(world.plan, { environment: { PATH: process.env.PATH } });
  return await world.run(compilePrune(world.plan, facts));
}

/** One run in which a member fails. */
async function incomplete() {
  const whole = world.plan.backups;
  world.plan.backups = whole.map((one) => (one.name === 'uploads' ? files('uploads', 'exit 3') : one));
  await apply();
  world.plan.backups = whole;
}

async function shelves(): Promise<Shelves> {
  const places = await Promise.all(
    world.names.map(async (name) => {
      const destination = await local.open(name, { path: world.at(name) }, opening());
      return { name, destination, shelf: await readShelf(destination, 'shop', null) };
    }),
  );
  return { places, failures: [], readSecret: async () => '' };
}

describe('a set', () => {
  it('that is incomplete fills no slot: the whole ones before it stay', async () => {
    await whole();
    await whole();
    await incomplete();
    await incomplete();
    await incomplete();
    await prune();
    expect([...(await sets()).values()].filter((names) => names.length === 3)).toHaveLength(2);
    // What is not a whole set stays for its grace.
    expect([...(await sets()).values()].filter((names) => names.length === 2)).toHaveLength(3);
    await whole();
    expect([...(await sets()).values()].filter((names) => names.length === 3)).toHaveLength(2);
  });

  it('goes as a whole, and a pin of one member keeps all', async () => {
    await whole();
    const [first] = [...(await sets()).keys()];
    const [pinned] = (await manifests()).filter(({ backup }) => backup === 'stock');
    const { writeFinding } = await import('../../src/catalog/records.ts');
    const { Format } = await import('../../src/catalog/format.ts');
    const destination = await local.open('main', { path: world.at('main') }, opening());
    await writeFinding(destination, 'shop', {
      format: Format.record,
      id: pinned!.id,
      finding: 'pin',
      result: 'set',
      time: new Date().toISOString(),
      run: 'r',
      manifest: '0'.repeat(64),
      destination: 'main',
    });
    for (let turn = 0; turn < 3; turn += 1) await whole();
    const main = await sets('main');
    expect(main.get(first!)).toEqual(all);
    expect([main.size, (await sets('nas')).size]).toEqual([3, 2]);
    for (const names of [...main.values(), ...(await sets('nas')).values()]) expect(names).toEqual(all);
  });

  it('whose prune was cut goes on with the next run, and is never seen torn', async () => {
    for (let turn = 0; turn < 3; turn += 1) await whole();
    world.plan.backups = world.plan.backups.map((one) => ({
      ...one,
      retention: Object.fromEntries(world.names.map((name) => [name, { ...keepTwo, last: 1 }])),
    }));
    for (let cut = 1; cut < 12; cut += 3) {
      let removed = 0;
      const destinations = {
        main: await hooked(world, 'main', (moment, key) => {
          if (moment !== 'remove' || key.includes('/.runner/')) return;
          removed += 1;
          if (removed > cut) throw new Error('the line is dead');
        }),
      };
      const facts = await readFacts(world.plan, { environment: { PATH: process.env.PATH } });
      await world.run(compilePrune(world.plan, facts), { destinations });
      const destination = await local.open('main', { path: world.at('main') }, opening());
      const { entries } = await readShelf(destination, 'shop', null);
      const seen = new Map<string, number>();
      for (const { id } of entries) seen.set(setOf(id), (seen.get(setOf(id)) ?? 0) + 1);
      expect([...seen.values()]).toEqual([...seen.values()].map(() => 3));
    }
    await prune();
    expect([...(await sets('main')).values()]).toEqual([all]);
    expect((await world.files('main')).filter((file) => file.endsWith('.txt'))).toHaveLength(3);
  });

  it('of a smaller group stays whole when a member joins, and when one leaves', async () => {
    const [orders, uploads, stock] = world.plan.backups;
    world.plan.backups = [orders!, uploads!];
    world.plan.groups = [{ ...group(), members: ['orders', 'uploads'] }];
    await whole();
    await whole();
    world.plan.backups = [orders!, uploads!, stock!];
    world.plan.groups = [group()];
    await incomplete();
    const facts = await readFacts(world.plan, { environment: { PATH: process.env.PATH } });
    const main = facts.shelves.main!;
    if ('unknown' in main) throw new Error(main.unknown);
    expect(main.items.orders!.map(({ good }) => good)).toEqual([true, true, false]);
    world.plan.groups = [{ ...group(), members: ['orders', 'stock'] }];
    const smaller = (await readFacts(world.plan, { environment: { PATH: process.env.PATH } })).shelves.main!;
    if ('unknown' in smaller) throw new Error(smaller.unknown);
    expect(smaller.items.orders!.map(({ good }) => good)).toEqual([true, true, true]);
  });
});

describe('what a restore of the group takes', () => {
  it('the newest whole set, a member each; not a newer one that lacks a member', async () => {
    await whole();
    await incomplete();
    const chosen = await chooseSet(world.plan, world.plan.groups[0]!, { latest: true }, await shelves());
    expect(chosen.map(({ row }) => row.backup)).toEqual(['orders', 'uploads', 'stock']);
    expect(new Set(chosen.map(({ row }) => setOf(row.id))).size).toBe(1);
    expect(chosen[0]!.remarks.join()).toMatch(/a newer set is not whole: orders-/);
    expect(chosen.every(({ copies }) => copies.length === 2)).toBe(true);
  });

  it('by the id of any member that set as it is, and says who is missing', async () => {
    await incomplete();
    const { rowsOf } = await import('../../src/commands/rows.ts');
    const read = await shelves();
    const [row] = await rowsOf(world.plan, read);
    expect([row!.state, row!.set]).toEqual(['good', 'incomplete']);
    const chosen = await chooseSet(world.plan, world.plan.groups[0]!, { id: row!.id }, read);
    expect(chosen.map((one) => one.row.backup)).toEqual(['orders', 'stock']);
    expect(chosen[0]!.remarks).toContain('the set lacks "uploads"');
    await expect(chooseSet(world.plan, world.plan.groups[0]!, { latest: true }, read)).rejects.toThrow(
      /group "shop" has no whole set; the newest of its backups: orders-.*\(good\), stock-/,
    );
  });

  it('by a time one whose data is no later in any member', async () => {
    await whole();
    const between = new Date(Date.now() + 1).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await whole();
    const older = (await sets()).keys().next().value;
    // The second set is named a second ahead; what counts is the time of its data.
    const chosen = await chooseSet(world.plan, world.plan.groups[0]!, { at: between }, await shelves()).catch(
      (error: Error) => error.message,
    );
    expect(typeof chosen === 'string' ? chosen : setOf(chosen[0]!.row.id)).toBe(older);
  });
});
