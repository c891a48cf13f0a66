/** Recipes with servers: what is started when, what is ended, and whose fault a failure is. */
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Argument, Command, Held } from '../../src/command.ts';
import type { VerifyPart } from '../../src/graph.ts';
import type { Recipe } from '../../src/recipe.ts';
import { applyGraph, captureAction, graphOf, makeWorld, verifyTask, type World, workScope } from './world.ts';

let world: World;
let id: string;
beforeEach(async () => {
  world = await makeWorld(['main']);
  const outcome = await world.run(applyGraph(world, captureAction(world, 'seq 1 5000')));
  id = outcome.bindings['capture.id']!;
});
afterEach(() => world.remove());

const sh = (script: string, ...words: Argument[]): Command => ({ argv: ['sh', '-c', script, 'sh', ...words] });
/** Writes down that it was done, and that the server was or was not there. */
const noted = (word: string): Command =>
  sh('echo "$2 $(test -e "$1/up" && echo with || echo without)" >> "$3"', { work: '.' }, word, log());
const log = () => `${world.root}/log`;
const server = (script = 'exec sleep 60', change: Partial<Held> = {}): Held => ({
  command: sh(
    `trap 'rm -f "$1/up"; exit 0' TERM; touch "$1/up"; echo ready; ${script} & wait $!; code=$?; rm -f "$1/up"; exit $code`,
    { work: '.' },
  ),
  ready: { line: '^ready$' },
  within: 10,
  stop: 'TERM',
  ...change,
});
const check = async (recipe: Recipe, more: Partial<VerifyPart> = {}) => {
  const task = verifyTask(world, 'restore', id, { recipe, ...more });
  const outcome = await world.run(graphOf('verify', [task], [workScope()]));
  const found = (await world.files('main')).filter((file) => file.includes('.restore-'));
  const finding = found.map((file) => /\.(restore-\w+)-/.exec(file)![1]);
  return { outcome, finding, message: outcome.results.get('verify:restore')?.message ?? '' };
};
const file = { file: { work: 'data' } };

describe('a recipe with servers', () => {
  it('starts them behind its preparations or its intake, and ends them behind its clean-up', async () => {
    const { outcome, finding } = await check({
      prepare: [noted('prepare')],
      servers: [{ after: 'prepare', held: server() }],
      intake: { consume: sh('cat > "$1/data"; test -e "$1/up"', { work: '.' }) },
      load: [noted('load')],
      finish: [{ title: 'finish', check: 'exit', command: noted('finish') }],
      cleanup: [noted('cleanup')],
      sweep: [noted('sweep')],
    });
    expect([outcome.exitCode, finding]).toEqual([0, ['restore-pass']]);
    expect(await readFile(log(), 'utf8')).toBe(
      'prepare without\nload with\nfinish with\ncleanup with\nsweep without\n',
    );
  });

  it('starts one that reads what was taken in only then', async () => {
    const held = server('exec sleep 60', {
      command: sh('test "$(tail -n1 "$1/data")" = 5000 || exit 9; touch "$1/up"; echo ready; exec sleep 60', {
        work: '.',
      }),
    });
    const { finding } = await check({ servers: [{ after: 'intake', held }], intake: file, load: [noted('load')] });
    expect(finding).toEqual(['restore-pass']);
    expect(await readFile(log(), 'utf8')).toBe('load with\n');
  });

  it('that refuses what was taken in speaks of the data', async () => {
    const held = server('', { command: sh('echo "Short read or OOM loading DB" >&2; exit 1') });
    const { message, finding } = await check({ servers: [{ after: 'intake', held }], intake: file });
    expect(message).toMatch(/did not pass restore at "main": "sh" failed with exit code 1: Short read/);
    expect(finding).toEqual(['restore-fail']);
  });

  it.each([
    ['that cannot be started at all', { after: 'prepare' as const, held: () => server('', { command: sh('exit 1') }) }],
    [
      'that finds the disk full',
      {
        after: 'intake' as const,
        held: () => server('', { command: sh('echo "write: No space left on device" >&2; exit 1') }),
      },
    ],
    [
      'that is too slow',
      { after: 'intake' as const, held: () => server('', { command: sh('exec sleep 60'), within: 1 }) },
    ],
  ])('%s says nothing of the data', async (_name, { after, held }) => {
    const { outcome, finding } = await check({ servers: [{ after, held: held() }], intake: file });
    expect([outcome.exitCode, finding]).toEqual([2, []]);
  });

  it('that dies while its clients load is to blame, and not the data', async () => {
    const { message, finding, outcome } = await check({
      servers: [{ after: 'prepare', held: server('sleep 0.2; echo "terminated by signal 9" >&2; exit 7') }],
      intake: file,
      load: [
        sh(
          'while [ -e "$1/up" ]; do sleep 0.05; done; sleep 2; echo "server closed the connection unexpectedly" >&2; exit 3',
          { work: '.' },
        ),
      ],
    });
    expect(message).toMatch(/unproven.*"sh" failed with exit code 7: terminated by signal 9/);
    expect([outcome.exitCode, finding]).toEqual([2, []]);
  });

  it('whose load fails speaks of the data, or of a full disk', async () => {
    const failing = (words: string) => ({ intake: file, load: [sh(`echo "${words}" >&2; exit 1`)] });
    expect((await check(failing('ERROR: no space left on device'))).finding).toEqual([]);
    const { message, finding } = await check(failing('ERROR: invalid byte sequence'));
    expect(message).toMatch(/did not pass restore at "main": "sh" failed with exit code 1: ERROR: invalid byte/);
    expect(finding).toEqual(['restore-fail']);
  });

  it('is cleaned up with its servers when an assertion does not hold', async () => {
    const { finding } = await check(
      { servers: [{ after: 'prepare', held: server() }], intake: file, cleanup: [noted('cleanup')] },
      { assert: [{ title: 'one', check: 'output', command: sh('echo 1'), expect: { equals: 2 } }] },
    );
    expect(finding).toEqual(['restore-fail']);
    expect(await readFile(log(), 'utf8')).toBe('cleanup with\n');
  });
});

describe('a check that lacks something here', () => {
  it('proves nothing, exits 1, writes nothing down and starts nothing', async () => {
    const { outcome, finding, message } = await check(
      { intake: { consume: noted('intake') } },
      { missing: 'no server of version 15 is installed' },
    );
    expect(message).toBe(`${id} is unproven: no server of version 15 is installed`);
    expect([outcome.exitCode, outcome.backups[0]?.outcome, finding]).toEqual([1, 'partial', []]);
    await expect(readFile(log())).rejects.toThrow(/ENOENT/);
  });

  it('of another part than the backup has proves nothing either', async () => {
    const task = verifyTask(world, 'content', id, {
      parts: [{ name: 'orders', purpose: 'data', decode: [], recipe: { intake: { discard: true } }, assert: [] }],
    });
    const outcome = await world.run(graphOf('verify', [task], [workScope()]));
    expect(outcome.results.get('verify:content')?.message).toMatch(
      /is unproven: nothing here says how its artifact is opened/,
    );
    expect(outcome.exitCode).toBe(1);
  });
});
