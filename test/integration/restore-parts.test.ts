/** A restore of a backup of several databases. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PlannedRestore } from '../../src/plan/resolved.ts';
import { makeRestoreWorld, type RestoreWorld } from './restore-world.ts';

vi.mock('../../src/registry.ts', async (original) => {
  const real = await original<typeof import('../../src/registry.ts')>();
  const { fakes } = await import('./fake-databases.ts');
  return { ...real, findSource: (type: string) => fakes[type] ?? real.findSource(type) };
});

const saved = { orders: { customers: 'customers' }, sizes: { sizes: 'sizes' } };
const old = { orders: { customers: 'old customers' }, sizes: { sizes: 'old sizes' } };

let world: RestoreWorld;
afterEach(() => world.remove());

async function start(type: string, restore: Partial<PlannedRestore> = {}): Promise<string> {
  world = await makeRestoreWorld(type, restore, { database: ['orders', 'sizes'] });
  set({ orders: saved.orders, sizes: saved.sizes });
  const id = await world.apply();
  set({ orders: old.orders, sizes: old.sizes });
  return id;
}

function set(databases: Record<string, Record<string, string>>): void {
  for (const [name, files] of Object.entries(databases)) world.server.set(name, files);
}

const service = () => readFileSync(`${world.root}/service`, 'utf8').trim().split('\n');
const say = (word: string) => ['sh', '-c', 'echo "$1" >> service', 'sh', word];
const stop = [{ run: say('stop'), start: say('start') }];
const both = () => ({ orders: world.server.get('orders'), sizes: world.server.get('sizes') });

describe.each(['renaming', 'fixed'])('all of it, at a server that is %s', (type) => {
  it('roles first, all beside before anything stops, each with its own copy', async () => {
    await start(type, { stop });
    const outcome = await world.restore();
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(both()).toEqual({ orders: saved.orders, sizes: saved.sizes });
    expect(world.server.log()[0]).toBe('globals');
    expect(world.server.names()).toEqual(['orders', 'sizes']);
    expect(service()).toEqual(['stop', 'start']);
    expect((await world.files('main')).filter((file) => file.includes('.pin-set-'))).toHaveLength(2);
  });

  it('changes nothing when one of them cannot be restored beside', async () => {
    await start(type, { stop });
    world.server.fail('load-sizes_runner_new');
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(2);
    expect(both()).toEqual({ orders: old.orders, sizes: old.sizes });
    expect(world.server.names()).toEqual(['orders', 'sizes']);
    expect(existsSync(`${world.root}/service`)).toBe(false);
  });

  it('brings all back when what follows fails', async () => {
    await start(type, { stop, after: [{ run: ['false'] }] });
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(1);
    expect(both()).toEqual({ orders: old.orders, sizes: old.sizes });
    expect(world.server.names()).toEqual(['orders', 'sizes']);
  });

  it('one of them by its name', async () => {
    await start(type);
    const { question } = await world.prepare({ only: ['sizes'] });
    expect(question).toContain('database "sizes"');
    expect(question).not.toContain('database "orders"');
    const outcome = await world.restore({ only: ['sizes'] });
    expect(outcome.exitCode).toBe(0);
    expect(both()).toEqual({ orders: old.orders, sizes: saved.sizes });
  });

  it('a safety copy of one of them by its id', async () => {
    await start(type);
    await world.restore({ only: ['sizes'] });
    const [pin] = (await world.files('main')).filter((file) => file.includes('.pin-set-'));
    const id = /(orders-\d{8}T\d{6}Z-\w{6})\.pin/.exec(pin!)![1]!;
    const outcome = await world.restore({ safety: false }, { id });
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(both()).toEqual({ orders: old.orders, sizes: old.sizes });
  });

  it('one of them to another name', async () => {
    await start(type);
    await expect(world.prepare({ to: 'other' })).rejects.toThrow('one name cannot hold the 2 databases');
    const outcome = await world.restore({ only: ['sizes'], to: 'other' });
    expect(outcome.exitCode).toBe(0);
    expect(world.server.get('other')).toEqual(saved.sizes);
    expect(both()).toEqual({ orders: old.orders, sizes: old.sizes });
  });
});

describe('a part of a part', () => {
  it('is taken out of the one database that is named with it', async () => {
    await start('renaming');
    await expect(world.prepare({ only: ['sizes', 'orders', 'customers'] })).rejects.toThrow(
      /customers: orders-\S+ holds globals, orders, sizes; name one of them/,
    );
    const outcome = await world.restore({ only: ['orders', 'customers'] });
    expect(outcome.exitCode).toBe(0);
    expect(world.server.get('orders')).toEqual(saved.orders);
    expect(world.server.log()).not.toContain('globals');
  });

  it('a swap that fails is told, and what was put in place before it comes back', async () => {
    await start('renaming', { stop });
    const { graph } = await world.prepare();
    const broken = { ...graph, tasks: graph.tasks.map((task) => structuredClone(task)) };
    const swap = broken.tasks.filter(({ action }) => action.do === 'swap')[1]!;
    swap.needs = [...swap.needs, { task: 'swap:2', on: 'ok' }];
    if (swap.action.do === 'swap' && 'commands' in swap.action) swap.action.commands = [{ argv: ['false'] }];
    const outcome = await world.run(broken);
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(both()).toEqual(old);
    expect(world.server.get('orders_runner_old')).toBeNull();
    expect(service()).toEqual(['stop', 'start', 'stop', 'start']);
  });
});
