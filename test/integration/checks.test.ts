/** Checks of the sources in preflight: run before anything starts, all at once. */
import { readdir, readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../src/command.ts';
import type { Graph, Requirement } from '../../src/graph.ts';
import { applyGraph, captureAction, makeWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await makeWorld(['main'], { secrets: { db: { optional: false, env: 'DB' } } });
});
afterEach(() => world.remove());

const sh = (script: string, ...words: string[]): Command => ({ argv: ['sh', '-c', script, 'sh', ...words] });
const check = (title: string, command: Command): Requirement => ({ need: 'check', title, command });

async function preflight(...requirements: Requirement[]) {
  const graph = structuredClone(applyGraph(world, captureAction(world, 'echo data'))) as Graph;
  const action = graph.tasks.find(({ id }) => id === 'preflight')!.action;
  if (action.do === 'preflight') action.requirements.push(...requirements);
  const outcome = await world.run(graph, {
    environment: { PATH: process.env.PATH, HOME: world.root, TMPDIR: `${world.root}/tmp`, DB: 'p4ss' },
  });
  const warnings = world.events.flatMap((event) =>
    event.event === 'notice' && event.level === 'warning' ? [event.message] : [],
  );
  return { outcome, warnings, message: outcome.results.get('preflight')?.message ?? '' };
}

describe('a check', () => {
  it('that prints nothing is met, and warnings are told', async () => {
    const { outcome, warnings } = await preflight(
      check('privileges', sh('true')),
      check('engine', sh('echo "warning: table t is MyISAM"')),
    );
    expect(outcome.exitCode).toBe(0);
    expect(warnings).toEqual(['table t is MyISAM']);
  });

  it('tells each line as a problem, with those of all others, and nothing starts', async () => {
    const { outcome, message } = await preflight(
      check('privileges', sh('echo "no SELECT on orders"; echo "no LOCK TABLES"; exit 1')),
      check('version', sh('echo "the server is newer"')),
      { need: 'fact', problem: 'the source does not answer' },
    );
    expect(message.split('\n')).toEqual([
      'no SELECT on orders',
      'no LOCK TABLES',
      'the server is newer',
      'the source does not answer',
    ]);
    expect(outcome.exitCode).toBe(4);
    expect(outcome.results.get('capture')?.outcome).toBe('skipped');
  });

  it('that fails without a word, or cannot be started, is a problem with its title', async () => {
    const { message } = await preflight(
      check('privileges', sh('echo "connection refused" >&2; exit 2')),
      check('grants', { argv: ['no-such-program-here'] }),
    );
    expect(message).toMatch(
      /^privileges: "sh" failed with exit code 2: connection refused\ngrants: "no-such-program-here"/,
    );
  });

  it('is ended when it takes too long', async () => {
    const { message } = await preflight(check('privileges', { ...sh('sleep 60'), timeout: 1 }));
    expect(message).toMatch(/^privileges: "sh" was ended: it ran longer than its timeout of 1 s/);
  });

  it('writes its private files where no other finds them, and they are gone afterwards', async () => {
    const command = (password: string): Command => ({
      argv: [
        'sh',
        '-c',
        'stat -c "%a" "$1" >> "$2"; cat "$1" >> "$2"',
        'sh',
        { work: 'conf' },
        `${world.root}/${password}`,
      ],
      files: [{ path: 'conf', value: { text: [password, ' ', { secret: 'db' }] } }],
    });
    const { outcome } = await preflight(check('one', command('first')), check('two', command('second')));
    expect(outcome.exitCode).toBe(0);
    expect(await readFile(`${world.root}/first`, 'utf8')).toBe('600\nfirst p4ss');
    expect(await readFile(`${world.root}/second`, 'utf8')).toBe('600\nsecond p4ss');
    expect(await readdir(`${world.root}/tmp`)).toEqual([]);
  });

  it('of one backup fails that one alone, while there are others', async () => {
    const { outcome, message } = await preflight({ ...check('x', sh('echo "no such table"')), backups: ['other'] });
    expect([outcome.exitCode, message]).toEqual([0, '']);
  });
});
