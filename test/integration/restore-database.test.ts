/** A restore into a server that can rename databases. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
const saved = { customers: 'customers', invoices: 'invoices' };

let world: RestoreWorld;
afterEach(() => world.remove());

/** A backup of `saved`, and behind it a live database that holds `live`. */
async function start(live: Record<string, string> | null, restore: Partial<PlannedRestore> = {}): Promise<string> {
  world = await makeRestoreWorld('renaming', restore);
  world.server.set('orders', saved);
  const id = await world.apply();
  world.server.set('orders', live);
  return id;
}

const service = () => readFileSync(`${world.root}/service`, 'utf8').trim().split('\n');
const say = (word: string) => ['sh', '-c', 'echo "$1" >> service', 'sh', word];
const stop = [{ run: say('stop'), start: say('start') }];
const safetyCopies = async () => (await world.files('main')).filter((file) => file.includes('.pin-set-'));
const damage = async () => {
  const [file] = (await world.files('main')).filter((name) => name.endsWith('.tar'));
  const bytes = readFileSync(world.at('main', file));
  bytes[600]! ^= 1;
  writeFileSync(world.at('main', file), bytes);
};

describe('over a live database', () => {
  it('restores beside, changes the names, keeps a safety copy and drops the old', async () => {
    await start(old, { stop });
    const outcome = await world.restore();
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.names()).toEqual(['orders']);
    expect(world.server.log()).toEqual([
      'orders_runner_new like orders',
      'swap orders_runner_new orders orders_runner_old',
      'drop orders_runner_new',
      'drop orders_runner_old',
    ]);
    expect(service()).toEqual(['stop', 'start']);
    expect(await safetyCopies()).toHaveLength(1);
    expect(world.events).toContainEqual(expect.objectContaining({ event: 'restored', target: 'orders' }));
  });

  it('brings the safety copy back by its id', async () => {
    await start(old);
    await world.restore();
    const [pin] = await safetyCopies();
    const safety = /(orders-\d{8}T\d{6}Z-\w{6})\.pin/.exec(pin!)![1]!;
    const outcome = await world.restore({ safety: false }, { id: safety });
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(world.server.get('orders')).toEqual(old);
  });

  it('keeps no copy where none is wanted', async () => {
    await start(old);
    const outcome = await world.restore({ safety: false });
    expect(outcome.exitCode).toBe(0);
    expect(world.server.names()).toEqual(['orders']);
    expect(await safetyCopies()).toEqual([]);
  });

  it('keeps the old database when no safety copy can be committed', async () => {
    await start(old);
    const { graph } = await world.prepare();
    const broken = { ...graph, tasks: graph.tasks.map((task) => structuredClone(task)) };
    const safety = broken.tasks.find(({ id }) => id === 'safety')!;
    if (safety.action.do === 'capture') safety.action.parts[0]!.produce = { argv: ['sh', '-c', 'echo half; exit 3'] };
    const outcome = await world.run(broken);
    expect(outcome.exitCode).toBe(1);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.get('orders_runner_old')).toEqual(old);
  });

  it('touches nothing when the artifact is damaged', async () => {
    await start(old, { stop });
    await damage();
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toContain('is not what was backed up');
    expect(world.server.log()).toEqual(['orders_runner_new like orders', 'drop orders_runner_new']);
    expect(world.server.get('orders')).toEqual(old);
    expect(existsSync(`${world.root}/service`)).toBe(false);
  });

  it.each(['create', 'load-orders_runner_new', 'swap'])(
    'leaves the live data as it was when %s fails',
    async (what) => {
      await start(old, { stop });
      world.server.fail(what);
      const outcome = await world.restore();
      expect(outcome.exitCode).toBe(2);
      expect(outcome.backups[0]?.message).toContain(`${what} fails`);
      expect(world.server.get('orders')).toEqual(old);
      expect(world.server.names()).toEqual(['orders']);
      if (what === 'swap') expect(service()).toEqual(['stop', 'start']);
      else expect(existsSync(`${world.root}/service`)).toBe(false);
    },
  );

  it('asserts on the copy before anything is stopped', async () => {
    await start(old, { stop, assert: [{ sql: 'cat customers', equals: 'others' }] });
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(2);
    expect(outcome.backups[0]?.message).toContain('it is customers, expected others');
    expect(world.server.get('orders')).toEqual(old);
    expect(world.server.names()).toEqual(['orders']);
    expect(existsSync(`${world.root}/service`)).toBe(false);
  });

  it('changes the names back when what follows fails', async () => {
    await start(old, { stop, after: [{ run: ['false'] }] });
    const outcome = await world.restore();
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(world.server.get('orders')).toEqual(old);
    expect(world.server.names()).toEqual(['orders']);
    expect(service()).toEqual(['stop', 'start', 'stop', 'start']);
    expect(await safetyCopies()).toEqual([]);
  });

  it('leaves nothing but the live data when it is interrupted', async () => {
    await start(old);
    writeFileSync(`${world.server.root}/faults/slow-orders_runner_new`, '');
    const interrupt = new AbortController();
    const running = world.restore({}, { signal: interrupt.signal });
    while (!existsSync(`${world.server.root}/loading`)) await sleep(20);
    interrupt.abort(new Error('SIGINT'));
    expect((await running).exitCode).toBe(130);
    expect(world.server.get('orders')).toEqual(old);
    expect(world.server.names()).toEqual(['orders']);
  });
});

describe('to another name', () => {
  it('makes a database where there is none', async () => {
    await start(null);
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.log()).toEqual([
      'orders_runner_new like none',
      'swap orders_runner_new orders ',
      'drop orders_runner_new',
    ]);
  });

  it('removes it again when what follows fails', async () => {
    await start(null, { after: [{ run: ['false'] }] });
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(1);
    expect(world.server.names()).toEqual([]);
  });

  it('takes the place of an empty one without a copy and without a question', async () => {
    await start(null);
    world.server.set('orders', {});
    expect((await world.prepare()).question).toBeNull();
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.names()).toEqual(['orders']);
    expect(await safetyCopies()).toEqual([]);
  });

  it('leaves the live database and what is stopped for it alone', async () => {
    await start(old, { stop, after: [{ run: ['false'] }] });
    const outcome = await world.restore({ to: 'yesterday; drop $HOME "\'é' });
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(world.server.get('orders')).toEqual(old);
    expect(world.server.get('yesterday; drop $HOME "\'é')).toEqual(saved);
    expect(existsSync(`${world.root}/service`)).toBe(false);
  });

  it('goes where the plan says when nobody else does', async () => {
    await start(old, { to: 'rehearsal', stop });
    const { placed } = await world.prepare();
    expect(placed).toMatchObject({ live: true, pieces: [{ target: 'rehearsal' }] });
  });

  it('goes to the server of a URL without a password, and to none with one', async () => {
    await start(old);
    await expect(world.prepare({ to: 'fake://me:secret@elsewhere/orders' })).rejects.toThrow(
      'fake://…@elsewhere/orders holds a password, which would be seen',
    );
    await expect(world.prepare({ to: 'http://elsewhere/orders' })).rejects.toThrow('a fake:// URL was expected');
    await expect(world.prepare({ to: 'fake://elsewhere/' })).rejects.toThrow('names no database');
    const { placed } = await world.prepare({ to: 'fake://tmp/orders' });
    expect(placed).toMatchObject({ live: false, pieces: [{ target: 'orders', source: { spec: { root: '/tmp' } } }] });
  });

  it('says what a server that is down has said', async () => {
    await start(old);
    world.server.fail('server');
    await expect(world.prepare()).rejects.toThrow(
      new RegExp(`the renaming server at ${world.server.root} cannot be asked .* "orders": .*server fails`),
    );
  });
});

describe('names', () => {
  it('are free ones, also where an earlier restore left its own', async () => {
    await start(old);
    world.server.set('orders_runner_old', { kept: 'by hand' });
    world.server.set('orders_runner_new', { strange: 'of somebody' });
    const { remarks } = (await world.prepare()).placed.pieces[0]!;
    expect(remarks.map((remark) => remark.split(' ', 1)[0])).toEqual(['"orders_runner_new"', '"orders_runner_old"']);
    expect(remarks.join()).toContain('is there already, perhaps from an earlier restore; it is left alone');
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.get('orders_runner_old')).toEqual({ kept: 'by hand' });
    expect(world.server.get('orders_runner_new')).toEqual({ strange: 'of somebody' });
  });

  it('of what a killed run of ours left beside are known by its mark, and it goes first', async () => {
    await start(old);
    world.server.set('orders_runner_new', { half: '' });
    world.server.mark('orders_runner_new', 'runner 20261121T020000Z-abcdef');
    const { placed } = await world.prepare();
    expect(placed.pieces[0]).toMatchObject({ beside: 'orders_runner_new', stale: true });
    const outcome = await world.restore();
    expect(outcome.exitCode).toBe(0);
    expect(world.server.get('orders')).toEqual(saved);
    expect(world.server.names()).toEqual(['orders']);
  });

  it('of a run that is going on are not touched', async () => {
    await start(old);
    world.server.set('orders_runner_new', { half: '' });
    world.server.mark('orders_runner_new', 'runner 20261121T020000Z-abcdef');
    const guard = spawn('sh', ['-c', 'read -r end; :', 'runner-guard', '20261121T020000Z-abcdef']);
    await once(guard, 'spawn');
    try {
      await expect(world.prepare()).rejects.toThrow(
        expect.objectContaining({
          exitCode: 5,
          message: expect.stringMatching(/^run 20261121T020000Z-abcdef restores "orders" of the .* right now$/),
        }),
      );
    } finally {
      guard.stdin.end();
      await once(guard, 'exit');
    }
    expect((await world.prepare()).placed.pieces[0]).toMatchObject({ stale: true });
  });

  it('are as short as the server needs, whatever they hold', async () => {
    await start(old);
    const { placed } = await world.prepare({ to: 'ü'.repeat(31) });
    const { beside, aside } = placed.pieces[0]!;
    expect([beside, aside].map((name) => Buffer.byteLength(name))).toEqual([63, 63]);
    expect(beside).toMatch(/^ü+_runner_new$/);
  });
});

describe('--only', () => {
  it('moves the named parts and leaves the others, behind a copy of the whole', async () => {
    await start(old, { stop });
    const { question } = await world.prepare({ only: ['customers'] });
    expect(question).toMatch(
      /^replace customers in database "orders" of the renaming server at .* \(a safety copy of the whole database is kept\)$/,
    );
    const outcome = await world.restore({ only: ['customers'] });
    expect(outcome.exitCode, JSON.stringify(outcome.backups)).toBe(0);
    expect(world.server.get('orders')).toEqual({ ...old, customers: 'customers' });
    expect(world.server.names()).toEqual(['orders']);
    expect(await safetyCopies()).toHaveLength(1);
    expect(service()).toEqual(['stop', 'start']);
  });

  it('changes nothing when a part is not in the backup', async () => {
    await start(old);
    const outcome = await world.restore({ only: ['customers', 'payments'] });
    expect(outcome.exitCode).toBe(2);
    expect(world.server.get('orders')).toEqual(old);
  });

  it('is refused where there is nothing to put them into', async () => {
    await start(null);
    await expect(world.prepare({ only: ['customers'] })).rejects.toThrow('there is no database "orders"');
  });
});

describe('the preview', () => {
  it('shows every command, and the question every replacement', async () => {
    const id = await start(old, { stop });
    const { graph, question } = await world.prepare();
    const text = renderText(graph).replaceAll(world.root, '');
    expect(question!.replaceAll(world.root, '')).toBe(
      `replace the live data in database "orders" of the renaming server at /server by ${id} (a safety copy of it is kept)`,
    );
    const order = [
      `look at ${id}`,
      `restore ${id} in orders_runner_new\n`,
      'orders_runner_new orders\n',
      `get main:${id} |`,
      'rename orders_runner_new to orders, and what was there to orders_runner_old\n',
      'sh stop',
      'orders_runner_new orders orders_runner_old',
      'sh start',
      'keep a safety copy',
      'remove the old data in orders_runner_old',
    ];
    const found = order.map((part) => text.indexOf(part));
    expect(found, text).toEqual(found.toSorted((left, right) => left - right));
    expect(found).not.toContain(-1);
  });
});
