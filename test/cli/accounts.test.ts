/** Quotas, sizes and costs, and whose a folder is, as the built program tells them. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

const home = temporaryDirectory('runner-accounts-');
afterAll(() => home.remove());

let turn = 0;
/** A plan of its own folder, beside 60,000 bytes that no compression makes smaller. */
function planOf(destinations: Record<string, object>, more: object = {}): { root: string; file: string } {
  turn += 1;
  const root = join(home.path, String(turn));
  mkdirSync(root);
  writeFileSync(join(root, 'data'), randomBytes(60_000));
  return { root, file: written(root, 'plan.yaml', destinations, more) };
}

function written(root: string, name: string, destinations: Record<string, object>, more: object = {}): string {
  const places = Object.entries(destinations).map(([key, rest]) => [key, { type: 'local', path: key, ...rest }]);
  const data = {
    source: { type: 'command', run: ['cat', 'data'] },
    destinations: Object.keys(destinations),
    require: 1,
  };
  const plan = { version: 1, name: 'shop', destinations: Object.fromEntries(places), backups: { data }, ...more };
  writeFileSync(join(root, name), JSON.stringify(plan));
  return join(root, name);
}

const manifests = (root: string, destination: string) =>
  readdirSync(join(root, destination, 'shop'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.manifest.json'),
  );

const quota = { quota: { fail: '150kB' } };

describe('a quota', () => {
  it('warns from 80% on, and what would not fit is not begun there while others go on', {
    timeout: 240_000,
  }, async () => {
    const { root, file } = planOf({ small: quota, large: {} });
    const first = await runner(['apply', file]);
    expect([first.exitCode, first.stderr.includes('quota')], first.stderr).toEqual([0, false]);
    expect((await runner(['doctor', file])).stdout).toMatch(/ok +quota +small +\S+ KiB of 146 KiB/);
    expect((await runner(['apply', file])).exitCode).toBe(0);
    const preview = await runner(['plan', file]);
    expect(preview.stdout).toMatch(/small .*: recent .* in 3; \d+% of its quota of 146 KiB/);
    expect(preview.stdout).toMatch(/warning: \S+ KiB of a quota of 146 KiB are used/);
    expect(preview.stdout).toMatch(/warning: "data" will not be begun there: its quota is 146 KiB/);
    const doctor = await runner(['doctor', file]);
    expect(doctor.stdout).toMatch(/problem +quota +small +"data" will not be begun there/);
    expect(doctor.exitCode).toBe(2);
    const third = await runner(['apply', file]);
    expect(third.exitCode, third.stderr).toBe(1);
    expect(third.stderr).toMatch(/destination "small": \S+ KiB of a quota of 146 KiB are used/);
    expect(third.stdout).toMatch(/data +partial .*"small": its quota is 146 KiB: \S+ KiB of this plan lie there, and/);
    expect([manifests(root, 'small').length, manifests(root, 'large').length]).toEqual([2, 3]);
    const accounts = JSON.parse((await runner(['plan', '--json', file])).stdout).accounts;
    expect(accounts).toMatchObject([
      { destination: 'small', now: { backups: 2, unsized: 0 }, quota: { warn: 120_000, fail: 150_000 } },
      { destination: 'large', now: { backups: 3, unsized: 0 }, after: { backups: 4 }, warnings: [] },
    ]);
    expect(accounts[0].now.bytes).toBeGreaterThan(120_000);
    expect(accounts[0].now.bytes).toBeLessThan(130_000);
    // What is missing there is not copied either.
    const sync = await runner(['sync', file]);
    expect(sync.exitCode, sync.stdout + sync.stderr).toBe(1);
    expect(sync.stdout + sync.stderr).toMatch(/does not fit at "small": its quota is 146 KiB/);
    expect(manifests(root, 'small').length).toBe(2);
  });

  it('that nothing fits in fails the backup, when there is no other destination', async () => {
    const { root, file } = planOf({ small: { quota: { fail: '70kB', warn: '1kB' } } });
    expect((await runner(['apply', file])).exitCode).toBe(0);
    const second = await runner(['apply', file]);
    expect(second.exitCode).toBe(2);
    expect(second.stderr + second.stdout).toMatch(/no destination can be used: "small": its quota is 68.4 KiB/);
    expect(manifests(root, 'small').length).toBe(1);
  });

  it('counts several backups of one run, and where a layout put them', async () => {
    const source = { type: 'command', run: ['cat', 'data'] };
    const backups = Object.fromEntries(
      ['one', 'two', 'three'].map((name) => [
        name,
        { source, destinations: ['small'], layout: `all/{id}{ext}`, retention: { last: 9 } },
      ]),
    );
    const { root, file } = planOf({ small: {} }, { backups });
    expect((await runner(['apply', file])).exitCode).toBe(0);
    written(root, 'plan.yaml', { small: { quota: { fail: '320kB' } } }, { backups });
    // Three lie there, two more fit, of whatever order they are begun in.
    const next = await runner(['apply', file]);
    expect(next.exitCode, next.stdout + next.stderr).toBe(1);
    expect(manifests(root, 'small').length).toBe(5);
  });
});

describe('min-free', () => {
  it('is left behind the backup that is coming, not only before it', async () => {
    const { root, file } = planOf({ disk: {}, other: {} });
    expect((await runner(['apply', file])).exitCode).toBe(0);
    const { bavail, bsize } = (await import('node:fs')).statfsSync(root);
    written(root, 'plan.yaml', { disk: { 'min-free': `${Math.floor((bavail * bsize) / 1e12) + 1}TB` }, other: {} });
    const { exitCode, stdout } = await runner(['apply', file]);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/data +partial/);
    expect([manifests(root, 'disk').length, manifests(root, 'other').length]).toEqual([1, 2]);
  });
});

describe('costs', () => {
  it('are estimated from the last sizes, by plan and by a simulated retention', async () => {
    const price = 1_000_000;
    const { file: kept } = planOf(
      { main: { price }, nas: {} },
      { retention: { few: { daily: 7, monthly: 2 } }, defaults: { retention: 'few' } },
    );
    const before = await runner(['retention', kept, 'data', '--simulate', '30d']);
    expect(before.stdout).toContain('no backup has a size yet');
    expect((await runner(['plan', kept])).stdout).not.toContain('sizes after this run');
    expect((await runner(['apply', kept])).exitCode).toBe(0);
    expect((await runner(['plan', kept])).stdout).toMatch(/main +\S+ KiB: (monthly .*; )?.*12\d\.\d\d a month/);
    const text = await runner(['retention', kept, 'data', '--simulate', '30d']);
    expect(text.stdout).toMatch(/main: \S+ KiB now \(6\d\.\d\d a month\), \d+ KiB at the end \(\d+\.\d\d a month\)/);
    expect(text.stdout).toMatch(/nas: \S+ KiB now, \d+ KiB at the end/);
    const json = JSON.parse((await runner(['retention', kept, 'data', '--simulate', '30d', '--json'])).stdout);
    const [main, nas] = json.destinations;
    expect(main.end).toBe(json.shelf.length * json.lastSize);
    expect(main.month.end).toBeCloseTo((main.end / 1e9) * price, 6);
    expect(nas.month).toBeUndefined();
  });
});

describe('a folder', () => {
  const other = (run: string[]) => ({
    backups: { others: { source: { type: 'command', run }, destinations: ['main'] } },
  });

  it('of another plan of that name is refused by every command that would write', async () => {
    const { root, file } = planOf({ main: {} });
    expect((await runner(['apply', file])).exitCode).toBe(0);
    const second = written(root, 'second.yaml', { main: {} }, other(['echo', 'x']));
    expect((await runner(['plan', second])).stdout).toContain(
      'problem: the folder shop/ at "main" holds backups of data',
    );
    const refused = await runner(['apply', second]);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toMatch(/seems to belong to another plan of this name/);
    expect(manifests(root, 'main').length).toBe(1);
    const claimed = written(root, 'claimed.yaml', { main: {} }, { ...other(['echo', 'x']), id: 'shop' });
    expect((await runner(['apply', claimed])).exitCode).toBe(0);
    const third = written(root, 'third.yaml', { main: {} }, { ...other(['echo', 'x']), id: 'shop-b' });
    const foreign = await runner(['apply', third]);
    expect([foreign.exitCode, /belongs to another plan \(id "shop"/.test(foreign.stderr)]).toEqual([4, true]);
  });
});
