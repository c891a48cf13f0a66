/** A restore into a server that cannot rename databases: the new data is loaded over the old. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PlannedRestore } from '../../src/plan/resolved.ts';
import { renderText } from '../../src/preview/text.ts';
import { makeRestoreWorld, type RestoreWorld } from './restore-world.ts';

vi.mock('../../src/registry.ts', async (original) => {
  const real = await original<typeof import('../../src/registry.ts')>();
  const { fakes } = await import('./fake-databases.ts');
  return { ...real, findSource: (type: string) => fakes[type] ?? real.findSource(type) };
});

const old = { customers: 'old customers', invoices: 'old invoices' };
const saved = { customers: 'customers' };

let world: RestoreWorld;
afterEach(() => world.remove());

async function start(live: Record<string, string> | null, restore: Partial<PlannedRestore> = {}): Promise<string> {
  world = await makeRestoreWorld('fixed', restore);
  world.server.set('orders', saved);
  const id = await world.apply();
  world.server.set('orders', live);
  return id;
}

const service = () => readFileSync(`${world.root}/service`, 'utf8').trim().split('\n');
const say = (word: string) => ['sh', '-c', 'echo "$1" >> service', 'sh', word];
const stop = [{ run: say('stop'), start: say('start') }];
const safetyCopies = async () => (await world.files('main')).filter((file) => file.includes('.pin-set-'));
const said = () => world.events.flatMap((event) => ('message' in event ? [event.message] : [])).join('\n');

describe('over a live database', () => {
  it('proves it beside, keeps a copy of the old and loads it there', async () => {
    await start(old, { stop, assert: [{ sql: 'cat customers', equals: 'customers' }] });
    const outcome = await world.restore();
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.names()).toEqual(['orders']);
    expect(world.server.log()).toEqual([
      'orders_runner_new like orders',
      'drop orders_runner_new',
      'drop orders',
      'orders like none',
    ]);
    expect(service()).toEqual(['stop', 'start']);
    expect(await safetyCopies()).toHaveLength(1);
    const restored = world.events.filter(({ event }) => event === 'restored');
    expect(restored).toEqual([expect.objectContaining({ target: 'orders' })]);
  });

  it('takes the copy while everything stands still', async () => {
    // What is written until the stop is in the copy.
    const halt = { run: ['sh', '-c', 'echo "at the stop" > server/data/orders/last'], start: ['true'] };
    await start(old, { stop: [halt], after: [{ run: ['false'] }] });
    expect((await world.restore()).exitCode).toBe(1);
    expect(world.server.get('orders')).toEqual({ ...old, last: 'at the stop\n' });
  });

  it('touches nothing when the data cannot be loaded beside', async () => {
    await start(old, { stop });
    world.server.fail('load-orders_runner_new');
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(2);
    expect(world.server.get('orders')).toEqual(old);
    expect(world.server.names()).toEqual(['orders']);
    expect(existsSync(`${world.root}/service`)).toBe(false);
  });

  it('touches nothing when no copy of the old can be committed', async () => {
    await start(old, { stop });
    const { graph } = await world.prepare();
    const broken = { ...graph, tasks: graph.tasks.map((task) => structuredClone(task)) };
    const safety = broken.tasks.find(({ id }) => id === 'safety')!;
    if (safety.action.do === 'capture') safety.action.parts[0]!.produce = { argv: ['sh', '-c', 'echo half; exit 3'] };
    const outcome = await world.run(broken);
    expect(outcome.exitCode).toBe(2);
    expect(world.server.get('orders')).toEqual(old);
    expect(service()).toEqual(['stop', 'start']);
  });

  it('puts the copy back when the load fails, before anything starts again', async () => {
    const seen = { run: say('stop'), start: ['sh', '-c', 'ls server/data/orders > at-start'] };
    await start(old, { stop: [seen] });
    const { graph } = await world.prepare();
    // Only the first load fails: what puts the copy back is the same program.
    const broken = { ...graph, tasks: graph.tasks.map((task) => structuredClone(task)) };
    const load = broken.tasks.find(({ id }) => id === 'load')!;
    if (load.action.do === 'unpack')
      load.action.recipe.intake = {
        consume: { argv: ['sh', '-c', 'tar -xf - -C server/data/orders; exit 3'], cwd: world.root },
      };
    const outcome = await world.run(broken);
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(outcome.backups[0]?.message).toContain('the old data is back in orders');
    expect(world.server.get('orders')).toEqual(old);
    expect(readFileSync(`${world.root}/at-start`, 'utf8')).toBe('customers\ninvoices\n');
  });

  it('puts the copy back although the load has left files of the same names behind', async () => {
    await start(old);
    const { graph } = await world.prepare();
    const broken = { ...graph, tasks: graph.tasks.map((task) => structuredClone(task)) };
    const load = broken.tasks.find(({ id }) => id === 'load')!;
    if (load.action.do !== 'unpack' || !load.action.over?.copy) throw new Error('it is loaded otherwise');
    const { recipe } = load.action.over.copy;
    const intake = { file: { work: 'dump' } };
    load.action.recipe.intake = intake;
    load.action.recipe.load = [{ argv: ['false'] }];
    // As the kind would write it: compile has moved its paths apart.
    expect(recipe.prepare![0]!.argv).toContainEqual({ work: 'back' });
    recipe.intake = { file: { work: 'back/dump' } };
    recipe.load = [{ argv: ['tar', '-xf', { work: 'back/dump' }, '-C', `${world.server.root}/data/orders`] }];
    const outcome = await world.run(broken);
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(1);
    expect(world.server.get('orders')).toEqual(old);
  });

  it('puts the copy back when what follows fails', async () => {
    await start(old, { stop, after: [{ run: ['false'] }] });
    const outcome = await world.restore();
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(world.server.get('orders')).toEqual(old);
    expect(service()).toEqual(['stop', 'start', 'stop', 'start']);
  });

  it('puts the copy back when it is interrupted', async () => {
    await start(old, { stop });
    writeFileSync(`${world.server.root}/faults/slow-orders`, '');
    const interrupt = new AbortController();
    const running = world.restore({}, { signal: interrupt.signal });
    while (!existsSync(`${world.server.root}/loading`)) await sleep(20);
    rmSync(`${world.server.root}/faults/slow-orders`);
    interrupt.abort(new Error('SIGINT'));
    expect((await running).exitCode).toBe(130);
    expect(world.server.get('orders')).toEqual(old);
    expect(service()).toEqual(['stop', 'start']);
    expect(said()).toContain('the old data is back in orders, from orders-');
  });

  it('names the copy when it cannot be put back', async () => {
    await start(old, { stop });
    world.server.fail('load-orders');
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toMatch(
      /load-orders fails.*could not be put back in orders.*it is kept whole as orders-\S+: restore that with --id/,
    );
    expect(await safetyCopies()).toHaveLength(1);
  });

  it('says that nothing is left where no copy was wanted', async () => {
    await start(old);
    world.server.fail('load-orders');
    const outcome = await world.restore({ safety: false });
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toContain('orders holds only a part of the data now, and no copy');
    expect(await safetyCopies()).toEqual([]);
  });

  it('asks for what it really does, and shows it', async () => {
    const id = await start(old);
    const { graph, question } = await world.prepare();
    expect(question).toContain(
      `by ${id} (it is loaded over the old, of which a safety copy is kept and put back should that fail)`,
    );
    expect(renderText(graph)).toContain('should it fail: put the safety copy ‹safety.id› back in orders');
    expect((await world.prepare({ safety: false })).question).toContain(
      '(it is loaded over the old, and no copy of it is kept)',
    );
  });
});

describe('where there is nothing', () => {
  it('makes it and loads it at once', async () => {
    await start(null, { assert: [{ sql: 'cat customers', equals: 'customers' }] });
    expect((await world.restore()).exitCode).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.log()).toEqual(['orders like none']);
  });

  it.each([
    ['the load fails', {}, 'load-orders', 1],
    ['an assertion fails', { assert: [{ sql: 'cat customers', equals: 'others' }] }, 'none', 2],
    ['what follows fails', { after: [{ run: ['false'] }] }, 'none', 1],
  ])('removes it again when %s', async (_, restore, what, exitCode) => {
    await start(null, restore);
    world.server.fail(what);
    const outcome = await world.restore();
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(exitCode);
    expect(world.server.names()).toEqual([]);
  });

  it('leaves an empty one as empty as it was', async () => {
    await start({});
    world.server.fail('load-orders');
    expect((await world.restore()).exitCode).toBe(1);
    expect(world.server.get('orders')).toEqual({});
  });
});
