/** A backup that retention keeps instead of others, and that turns out to be damaged when a prune opens it. */
import { truncateSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { built, runner } from '../helpers/runner.ts';
import { artifactAt, makeSyncWorld, type SyncWorld } from './sync-world.ts';

beforeAll(built);
let world: SyncWorld;
let ids: string[];

/** Three backups at `main` and `nas`, of which retention then keeps one. */
beforeEach(async () => {
  world = await makeSyncWorld();
  write('{ last: 3 }');
  for (let count = 0; count < 3; count += 1) {
    const { exitCode, stderr } = await run('apply');
    expect(exitCode, stderr).toBe(0);
  }
  ids = world.at('main');
  expect(ids).toHaveLength(3);
});
afterEach(() => world.remove());

function write(main: string): void {
  world.write({
    destinations: 'main: { type: local, path: main }\n  nas: { type: local, path: nas }',
    backup: `destinations: [main, nas], retention: { main: ${main}, nas: { last: 9 } }`,
    allow: '',
  });
}

const run = (verb: string, ...words: string[]) =>
  runner([verb, world.plan, ...words], { env: { TMPDIR: `${world.root}/tmp` } });

async function stateAtMain(id: string): Promise<string> {
  const rows: { id: string; copies: { destination: string; state: string }[] }[] = JSON.parse(
    (await run('list', '--json')).stdout,
  ).backups;
  return rows.find((row) => row.id === id)!.copies.find(({ destination }) => destination === 'main')!.state;
}

it('is told with what helps, listed as failed, replaced by a sync, and then the others go', async () => {
  const newest = ids[2]!;
  write('{ last: 1 }');
  truncateSync(artifactAt(world, 'main', newest), 0);
  const pruned = await run('prune', '--yes');
  expect(pruned.exitCode, pruned.stderr).toBe(1);
  expect(pruned.stderr).toContain(`${newest}: cannot be opened at "main" (`);
  expect(pruned.stderr).toMatch(
    / has 0 bytes of \d+\), so nothing is deleted for its sake; run `runner verify PLAN --id /,
  );
  expect(pruned.stderr).toMatch(/1 that were to go are kept/);
  expect(world.at('main')).toEqual(ids.slice(1));
  expect(await stateAtMain(newest)).toBe('failed');

  const synced = await run('sync');
  expect(synced.exitCode, synced.stderr).toBe(0);
  expect(await stateAtMain(newest)).toBe('good');
  expect((await run('prune', '--yes')).exitCode).toBe(0);
  expect(world.at('main')).toEqual([newest]);
});

it('is told by the prune of an apply too, and the next one heals it', async () => {
  const damaged = ids[2]!;
  truncateSync(artifactAt(world, 'main', damaged), 0);
  const applied = await run('apply');
  expect(applied.exitCode, applied.stderr).toBe(1);
  expect(applied.stderr).toContain(`${damaged}: cannot be opened at "main" (`);
  expect(await stateAtMain(damaged)).toBe('failed');
  const again = await run('apply');
  expect(again.exitCode, again.stderr).toBe(0);
  expect(await stateAtMain(damaged)).toBe('good');
});
