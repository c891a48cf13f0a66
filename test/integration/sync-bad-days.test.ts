/** A copy that is cut, two at once, and little room: with the built program, as it runs at night. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canMount } from '../helpers/programs.ts';
import { built, type Finished, runner } from '../helpers/runner.ts';
import { full, killIfThere, launch, waitFor } from '../proofs/support.ts';
import { artifactAt, makeSyncWorld, type SyncWorld } from './sync-world.ts';

beforeAll(built);
let world: SyncWorld;
beforeEach(async () => {
  world = await makeSyncWorld();
});
afterEach(() => world.remove());

const env = () => ({ TMPDIR: join(world.root, 'tmp') });
const script = (bytes: number) => `printf x >> ${world.root}/asked; head -c ${bytes} /dev/zero | tr '\\\\0' x`;

/** One backup of so many bytes that two destinations hold and the third lacks. */
async function lacking(bytes: number): Promise<string> {
  world.write({ script: script(bytes) });
  world.down('nas');
  expect((await runner(['apply', world.plan], { env: env() })).exitCode).toBe(1);
  world.up('nas');
  return world.at('main')[0]!;
}

const left = () =>
  world
    .files('nas')
    .filter((file) => /\.part-|\/journal\//.test(file) && !file.includes('.part-small-'))
    .map((file) => file.slice(world.root.length));

/** The moment at which it is killed, by what lies at the destination then. */
const moments: [string, () => boolean][] = [
  ['begun a journal', () => world.files('nas').some((file) => file.includes('/journal/'))],
  ['begun to write', () => world.files('nas', '.part-').some((file) => sizeOf(file) > 10_000_000)],
  ['sealed its journal', () => world.files('nas').some((file) => /\/journal\/.*\.manifest$/.test(file))],
];
const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Kills a sync at that moment; false where it had ended well before anybody saw it. */
async function killed(isThere: () => boolean): Promise<boolean> {
  const running = await launch(['sync', world.plan], { env: env() });
  const ends: Finished[] = [];
  void running.ended.then((end) => ends.push(end));
  expect(await waitFor(() => ends.length > 0 || isThere(), 120_000, 1)).toBe(true);
  const [end] = ends;
  if (end) {
    expect(end.exitCode, end.stderr).toBe(0);
    return false;
  }
  killIfThere(running.pid, 'SIGKILL');
  await running.ended;
  return true;
}

describe('kill -9 of a sync', () => {
  it.each(moments)('that has %s: nothing half is seen, and the next one heals', async (_what, isThere) => {
    const id = await lacking(150_000_000);
    // Where it was over before anybody had looked, everything is copied once more.
    while (!(await killed(isThere))) {
      rmSync(join(world.root, 'nas'), { recursive: true });
      mkdirSync(join(world.root, 'nas'));
    }
    const listed = JSON.parse((await runner(['list', world.plan, '--json'], { env: env() })).stdout);
    const states = listed.backups[0].copies.filter((copy: { destination: string }) => copy.destination === 'nas');
    // Where the commit was just made when it died, it is whole.
    for (const { state } of states) expect(['good', 'unproven']).toContain(state);
    const { exitCode, stderr } = await runner(['sync', world.plan], { env: env() });
    expect([exitCode, world.at('nas'), left()], stderr).toEqual([0, [id], []]);
    expect((await runner(['verify', world.plan, '--id', id], { env: env() })).exitCode).toBe(0);
    expect(world.asked()).toBe(1);
  });
});

it('of two syncs at once one copies, and the other is told who does', async () => {
  const id = await lacking(150_000_000);
  const all = await Promise.all([1, 2].map(() => launch(['sync', world.plan], { env: env() })));
  const codes = await Promise.all(all.map(async ({ ended }) => (await ended).exitCode));
  // One that came late found the work done.
  expect([
    [0, 5],
    [0, 0],
  ]).toContainEqual(codes.toSorted());
  if (codes.includes(5)) expect(all.map(({ said }) => said.stderr).join()).toMatch(/is held by run/);
  expect([world.at('nas'), left()]).toEqual([[id], []]);
  expect(world.files('nas', `${id}.copy-set-`)).toHaveLength(1);
});

describe.skipIf(!canMount())('with 10 MB for temporary files', () => {
  let folder: string;
  beforeEach(() => {
    folder = join(world.root, 'small');
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'none', folder]);
  });
  afterEach(() => {
    execFileSync('umount', [folder]);
  });

  const bytes = full ? 1_000_000_000 : 100_000_000;
  it(`${bytes} bytes go to two destinations at once and later to a third, and the source is asked once`, {
    timeout: 300_000,
  }, async () => {
    world.write({ script: script(bytes) });
    world.down('nas');
    expect((await runner(['apply', world.plan], { env: { TMPDIR: folder } })).exitCode).toBe(1);
    world.up('nas');
    const { exitCode, stderr } = await runner(['sync', world.plan], { env: { TMPDIR: folder } });
    expect(exitCode, stderr).toBe(0);
    const [id] = world.at('nas');
    for (const name of ['main', 'nas', 'far']) expect(statSync(artifactAt(world, name, id!)).size).toBe(bytes);
    expect(world.asked()).toBe(1);
  });
});
