import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode, RunnerError } from '../../src/diagnostic.ts';
import { type Hook, hookedAll } from './faults.ts';
import { applyGraph, captureAction, makeWorld, shell, through, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.remove());

const terminated = new RunnerError('the run was interrupted', { exitCode: ExitCode.terminated });
const gzip = { command: { argv: ['gzip', '-c'] } };

/** Runs a capture that is told to end when `when` says so. */
async function interruptedRun(when: (moment: string, key: string, done: boolean) => boolean) {
  const controller = new AbortController();
  const hook: Hook = (moment, key, done) => {
    if (when(moment, key, done)) controller.abort(terminated);
  };
  const destinations = await hookedAll(world, hook);
  const action = through(captureAction(world, 'seq 1 400000'), [gzip]);
  const outcome = await world.run(applyGraph(world, action), { signal: controller.signal, destinations });
  expect(controller.signal.aborted).toBe(true);
  return outcome;
}

/** Ids whose files lie at a destination, each with whether it is whole: artifact, manifest, mark and nothing else. */
async function ids(name: string): Promise<Map<string, boolean>> {
  const files = await world.files(name);
  expect(files.filter((file) => file.includes('.runner/') || file.includes('.part-'))).toEqual([]);
  const found = new Map<string, string[]>();
  for (const file of files) {
    const id = file.split('/').at(-1)!.split('.')[0]!;
    found.set(id, [...(found.get(id) ?? []), file]);
  }
  return new Map(
    [...found].map(([id, own]) => [id, own.length === 3 && own.some((file) => file.endsWith('.manifest.json'))]),
  );
}

describe('told to end', () => {
  const early: [string, Parameters<typeof interruptedRun>[0]][] = [
    ['before the shelf is read', (moment, key) => moment === 'list' && key === 'shop/orders/'],
    ['when the journal is written', (moment, key) => moment === 'write' && key.includes('/journal/')],
    [
      'when the journal has been written',
      (moment, key, done) => done && moment === 'write' && key.includes('/journal/'),
    ],
    ['when a sink is opened', (moment) => moment === 'put'],
    ['when a sink has been opened', (moment, _key, done) => done && moment === 'put'],
    ['while bytes flow', (moment) => moment === 'sink.write'],
    ['while bytes are made durable', (moment) => moment === 'sink.prepare'],
    ['when bytes are durable', (moment, _key, done) => done && moment === 'sink.prepare'],
  ];

  it.each(early)('%s: nothing of it is left', async (_name, when) => {
    await world.run(applyGraph(world, captureAction(world, 'echo old')));
    const old = await ids('main');
    const outcome = await interruptedRun(when);
    expect(outcome.exitCode).toBe(143);
    for (const name of world.names) expect(await ids(name)).toEqual(old);
    expect(await readdir(join(world.root, 'tmp'))).toEqual([]);
    expect((await world.run(applyGraph(world, captureAction(world, 'echo new')))).exitCode).toBe(0);
  });

  const late: [string, Parameters<typeof interruptedRun>[0]][] = [
    ['when the manifest is sealed into the journal', (moment, key) => moment === 'write' && key.endsWith('.manifest')],
    ['when the artifact is published', (moment) => moment === 'sink.publish'],
    ['when the artifact has been published', (moment, _key, done) => done && moment === 'sink.publish'],
    ['when the manifest is written', (moment, key) => moment === 'write' && key.endsWith('.manifest.json')],
    ['when the manifest is read back', (moment, key) => moment === 'read' && key.endsWith('.manifest.json')],
    ['when the mark is written', (moment, key) => moment === 'write' && key.includes('.checksum-pass-')],
  ];

  it.each(late)('%s: each destination has all of it or nothing', async (_name, when) => {
    await interruptedRun(when);
    for (const name of world.names) for (const [, whole] of await ids(name)) expect(whole).toBe(true);
    expect(await readdir(join(world.root, 'tmp'))).toEqual([]);
    expect((await world.run(applyGraph(world, captureAction(world, 'echo new')))).exitCode).toBe(0);
  });

  it('ends programs that run, releases what is held, and cleans up', async () => {
    const controller = new AbortController();
    const action = captureAction(world, 'sleep 600');
    action.parts[0]!.prepare = [shell(`touch ${world.root}/frozen`)];
    action.parts[0]!.cleanup = [shell(`rm ${world.root}/frozen`)];
    const emit = (event: { event: string }) => {
      if (event.event === 'command') setTimeout(() => controller.abort(terminated), 200);
    };
    const outcome = await world.run(applyGraph(world, action), { signal: controller.signal, emit });
    expect(outcome.exitCode).toBe(143);
    expect(outcome.backups).toMatchObject([{ name: 'orders', outcome: 'failed' }]);
    expect(await readdir(world.root)).not.toContain('frozen');
    expect(carriers(outcome.run)).toEqual([]);
    for (const name of world.names) expect(await world.files(name)).toEqual([]);
    expect((await world.run(applyGraph(world, captureAction(world, 'echo new')))).exitCode).toBe(0);
  });
});

describe('a store that answers wrongly', () => {
  const once = (hit: (moment: string, key: string, done: boolean) => boolean): Hook => {
    let done = false;
    return (moment, key, after) => {
      if (done || !hit(moment, key, after)) return;
      done = true;
      throw new RunnerError('the store said no');
    };
  };
  const runWith = async (hook: Hook) => {
    const destinations = await hookedAll(world, hook);
    return await world.run(applyGraph(world, captureAction(world, 'seq 1 9999', { require: 1 })), { destinations });
  };

  it('has written the manifest and says no: reading it settles that', async () => {
    const outcome = await runWith(
      once((moment, key, done) => done && moment === 'write' && key.endsWith('.manifest.json')),
    );
    expect(outcome.exitCode).toBe(0);
    for (const name of world.names) expect([...(await ids(name)).values()]).toEqual([true]);
  });

  it.each([
    ['a sink cannot be opened', (moment: string) => moment === 'put'],
    ['a write fails', (moment: string) => moment === 'sink.write'],
    ['the bytes cannot be made durable', (moment: string) => moment === 'sink.prepare'],
    ['the key cannot be claimed', (moment: string) => moment === 'sink.publish'],
    [
      'the manifest is not written',
      (moment: string, key: string) => moment === 'write' && key.endsWith('.manifest.json'),
    ],
    ['the journal is not written', (moment: string, key: string) => moment === 'write' && key.includes('/journal/')],
  ] as const)('%s: that copy is undone, the other stands', async (_name, hit) => {
    const outcome = await runWith(once(hit));
    expect([outcome.exitCode, outcome.backups[0]?.outcome]).toEqual([1, 'partial']);
    expect(outcome.backups[0]?.message).toMatch(/the store said no/);
    const counts = [(await ids('main')).size, (await ids('nas')).size];
    expect(counts.toSorted()).toEqual([0, 1]);
  });
});

/** Processes that carry a run's id in their environment. */
function carriers(run: string): string[] {
  const listing = execFileSync('sh', ['-c', 'grep -lsa "RUNNER_RUN_ID=$1" /proc/[0-9]*/environ || true', 'sh', run]);
  return listing.toString().split('\n').filter(Boolean);
}
