import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Held } from '../../src/command.ts';
import type { Action, Scope } from '../../src/graph.ts';
import { graphOf, makeWorld, task, type World, workScope } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld();
});
afterEach(() => world.remove());

const ready = { line: '^ready(?: (.*))?$' };
const held = (script: string, change: Partial<Held> = {}): Held => ({
  command: { argv: ['sh', '-c', script, 'sh', { work: '.' }] },
  ready,
  within: 10,
  stop: 'TERM',
  ...change,
});
const scopeOf = (one: Held): Scope => ({
  id: 'session',
  host: 'local',
  acquire: { do: 'hold', held: one },
  release: { do: 'let-go' },
  outputs: ['line', 'from', 'to'],
});
const run = (one: Held, action: Action) =>
  world.run(
    graphOf('restore', [task('work', action, [], { within: ['work', 'session'] })], [workScope(), scopeOf(one)]),
  );
const commands = (...argv: string[][]): Action => ({ do: 'run', commands: argv.map((one) => ({ argv: one })) });
const nothing = commands(['true']);

/** Whether a process still runs; the test's programs write down their own ids. */
async function runs(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid.trim()}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) [ZX]/.test(stat);
}

describe('a program that stays', () => {
  it('is ready by a line, whose group later tasks are given, and is told to end behind them', async () => {
    const note = `${world.root}/note`;
    const one = held(`trap 'echo ended >> ${note}; exit 0' TERM; echo "ready 0003-7"; while :; do sleep 0.05; done`);
    const asked: Action = {
      do: 'run',
      commands: [{ argv: ['sh', '-c', `echo "$1" >> ${note}`, 'sh', { out: 'session.line' }] }],
    };
    const outcome = await run(one, asked);
    expect(outcome.results.get('work')?.outcome).toBe('ok');
    expect(await readFile(note, 'utf8')).toBe('0003-7\nended\n');
    expect(Date.parse(outcome.bindings['session.from']!)).toBeLessThanOrEqual(
      Date.parse(outcome.bindings['session.to']!),
    );
  });

  it('is ready when a command says so, and is asked until then', async () => {
    const one = held('sleep 0.4; touch "$1/up"; exec sleep 60', {
      ready: { command: { argv: ['test', '-e', { work: 'up' }] } },
    });
    const outcome = await run(one, { do: 'run', commands: [{ argv: ['test', '-e', { work: 'up' }] }] });
    expect(outcome.results.get('work')?.outcome).toBe('ok');
    expect(outcome.record.commands.filter(({ argv }) => argv[0] === 'test')).toHaveLength(2);
  });

  it('has its input kept open, with what it is given first, and ends with it', async () => {
    const note = `${world.root}/note`;
    const one = held(`read first; echo "ready $first"; cat > ${note}; echo over >> ${note}`, {
      input: 'begin\nrest\n',
      stop: 'end-of-input',
    });
    const outcome = await run(one, nothing);
    expect(outcome.bindings['session.line']).toBe('begin');
    expect(await readFile(note, 'utf8')).toBe('rest\nover\n');
  });

  it('that ends before it is ready fails its tasks with its last words', async () => {
    const outcome = await run(held('echo "could not bind: address in use" >&2; exit 1'), nothing);
    expect(outcome.results.get('work')).toMatchObject({ outcome: 'failed' });
    expect(outcome.results.get('work')?.message).toMatch(
      /"sh" failed with exit code 1: could not bind: address in use/,
    );
  });

  it('that is not ready in time is ended, and says what it had said', async () => {
    const one = held('echo $$ > "$1/../pid"; echo "recovering" >&2; exec sleep 60', { within: 4 });
    const outcome = await run(one, nothing);
    expect(outcome.results.get('work')?.message).toMatch(/"sh" was not ready within 4 s: recovering/);
    expect(await runs(await readFile(`${world.root}/tmp/pid`, 'utf8'))).toBe(false);
  });

  it('that ends while it is needed is told of, though the task went well', async () => {
    const one = held('echo $$ > "$1/../pid"; echo ready; sleep 0.2; echo "terminating connection" >&2; exit 3');
    const gone = `until ! kill -0 "$(cat ${world.root}/tmp/pid)" 2>/dev/null; do sleep 0.05; done; sleep 0.5`;
    const outcome = await run(one, commands(['sh', '-c', gone]));
    expect(outcome.exitCode).not.toBe(0);
    const told = world.events.flatMap((event) => (event.event === 'notice' ? [event.message] : []));
    expect(told.join()).toMatch(/"sh" failed with exit code 3: terminating connection/);
  });

  it('takes what it has started with it, and is killed when it does not listen', async () => {
    const one = held(
      `trap '' TERM; sleep 300 & echo $! > "$1/../child"; echo $$ > "$1/../pid"; echo ready; wait; sleep 300`,
    );
    const outcome = await run(one, nothing);
    expect(outcome.results.get('work')?.outcome).toBe('ok');
    for (const name of ['pid', 'child'])
      expect([name, await runs(await readFile(`${world.root}/tmp/${name}`, 'utf8'))]).toEqual([name, false]);
  });

  it('is ended by an interruption too, and nothing is left', async () => {
    const interruption = new AbortController();
    const one = held('echo $$ > "$1/../pid"; echo ready; exec sleep 60');
    const graph = graphOf(
      'restore',
      [task('work', commands(['sleep', '60']), [], { within: ['work', 'session'] })],
      [workScope(), scopeOf(one)],
    );
    const running = world.run(graph, { signal: interruption.signal });
    while ((await readFile(`${world.root}/tmp/pid`, 'utf8').catch(() => '')) === '') await new Promise(setImmediate);
    interruption.abort(new Error('SIGINT'));
    expect((await running).exitCode).toBe(130);
    expect(await runs(await readFile(`${world.root}/tmp/pid`, 'utf8'))).toBe(false);
    expect(await readdir(`${world.root}/tmp`)).toEqual(['pid']);
  });
});
