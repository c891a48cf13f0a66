import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner } from '../helpers/runner.ts';
import { small, type Workplace, workplace } from './plan.ts';

/** Three backups at two destinations, of which one then loses its newest. */
let place: Workplace;
let ids: string[];
const run = (...words: string[]) => runner(words, { cwd: place.path });
const history = async () => {
  const { checks } = JSON.parse((await run('doctor', '--json')).stdout);
  return checks.filter(({ check }: { check: string }) => check === 'history');
};

beforeAll(async () => {
  const two = small
    .replace('  disk: { type: local, path: store }', '$&\n  nas: { type: local, path: other }')
    .replace('[disk]', '[disk, nas]');
  place = workplace(two);
  for (const _ of [1, 2, 3]) expect((await run('apply', '--quiet')).exitCode).toBe(0);
  ids = JSON.parse((await run('list', '--json')).stdout).backups.map(({ id }: { id: string }) => id);
});
afterAll(() => place.remove());

function lose(destination: string, id: string): void {
  const folder = join(place.path, destination, 'small', 'notes');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(id));
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) rmSync(join(folder, name));
}

describe('the history of a backup', () => {
  it('that was pruned is fine', async () => {
    expect(ids).toHaveLength(2);
    expect(await history()).toMatchObject([{ subject: 'notes', health: 'ok' }]);
    expect(await run('verify', '--quiet')).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('whose newest copy is gone at one destination is a warning of doctor and of verify', async () => {
    lose('other', ids[1]!);
    const message = expect.stringContaining(`missing copies: "nas" lacks ${ids[1]}, which "disk" holds`);
    expect(await history()).toEqual([{ check: 'history', subject: 'notes', health: 'warning', message }]);
    expect(await run('verify', '--quiet')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`warning: missing copies: "nas" lacks ${ids[1]}`),
    });
  });

  it('of which a piece is nowhere is a problem', async () => {
    lose('other', ids[0]!);
    lose('store', ids[0]!);
    const found = await history();
    expect(found).toContainEqual({
      check: 'history',
      subject: 'notes',
      health: 'problem',
      message: expect.stringContaining(`${ids[1]} follows ${ids[0]}, which lies nowhere`),
    });
    expect((await run('doctor')).exitCode).toBe(2);
  });
});
