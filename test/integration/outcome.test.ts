import { describe, expect, it } from 'vitest';
import { type ExitCode, RunnerError } from '../../src/diagnostic.ts';
import { backupOutcomes, exitCodeOf } from '../../src/execute/actions/outcome.ts';
import type { GraphResults } from '../../src/execute/schedule.ts';
import type { TaskResult } from '../../src/execute/task-context.ts';
import type { Action, Graph } from '../../src/graph.ts';
import { graphOf, task } from './world.ts';

/** `cut`: skipped because the run was interrupted. */
type Ended = TaskResult['outcome'] | 'cut' | RunnerError | Error;

/** What a run came to whose tasks ended so; a task is named `<action>:<backup>`, or `<action>` for the whole run's. */
function result(
  command: Graph['command'],
  ended: Record<string, Ended>,
  signal?: AbortSignal,
  scopes: Record<string, Ended> = {},
) {
  const tasks = Object.keys(ended).map((id) => {
    const [verb, backup] = id.split(':');
    const { backup: _, ...bare } = task(id, { do: verb } as unknown as Action);
    return backup === undefined ? bare : { ...bare, backup };
  });
  const rows = (all: Record<string, Ended>) =>
    new Map(
      Object.entries(all).map(([id, end]): [string, TaskResult] =>
        typeof end === 'string'
          ? [id, end === 'cut' ? { outcome: 'skipped', isCut: true, seconds: 0 } : { outcome: end, seconds: 0 }]
          : [id, { outcome: 'failed', error: end, message: end.message, seconds: 0 }],
      ),
    );
  const graph = graphOf(command, tasks);
  const results: GraphResults = { results: rows(ended), scopes: rows(scopes), bindings: {} };
  const backups = backupOutcomes(graph, results);
  return [
    exitCodeOf(graph, results, backups, signal ?? new AbortController().signal),
    ...backups.map(({ outcome }) => outcome),
  ];
}

const error = (exitCode: ExitCode) => new RunnerError('no', { exitCode });

describe('outcomes and exit codes', () => {
  it.each([
    ['all is well', result('apply', { 'capture:a': 'ok', 'verify:a': 'warned', 'step:a': 'skipped' }), [0, 'ok']],
    ['a copy is missing', result('apply', { 'capture:a': 'partial', 'verify:a': 'ok' }), [1, 'partial']],
    ['a prune failed', result('apply', { 'capture:a': 'ok', 'prune:a': 'failed' }), [1, 'partial']],
    ['a hook after failed', result('apply', { 'capture:a': 'ok', 'step:a': 'failed' }), [1, 'partial']],
    [
      'a check failed',
      result('apply', { 'capture:a': 'ok', 'verify:a': 'failed', 'prune:a': 'skipped' }),
      [2, 'failed'],
    ],
    ['a hook before failed', result('apply', { 'step:a': 'failed', 'capture:a': 'skipped' }), [2, 'failed']],
    ['a hook of the plan failed before', result('apply', { step: 'failed', 'capture:a': 'skipped' }), [2, 'skipped']],
    ['a hook of the plan failed after', result('apply', { 'capture:a': 'ok', step: 'failed' }), [1, 'ok']],
    ['one of two failed', result('apply', { 'capture:a': 'ok', 'capture:b': 'failed' }), [1, 'ok', 'failed']],
    [
      'one of two places was pruned',
      result('prune', { 'prune:a': 'ok', 'prune:a:2': 'skipped', settle: 'failed' }),
      [1, 'partial'],
    ],
    ['no place was pruned', result('prune', { 'prune:a': 'failed' }), [2, 'failed']],
    [
      'a restore was rolled back',
      result('restore', { 'swap:a': 'ok', 'step:a': 'failed', 'unswap:a': 'ok' }),
      [1, 'partial'],
    ],
    [
      'a restore could not be rolled back',
      result('restore', { 'swap:a': 'ok', 'step:a': 'failed', 'unswap:a': 'failed' }),
      [2, 'failed'],
    ],
    ['the machine is wrong', result('apply', { preflight: error(4), 'capture:a': 'skipped' }), [4, 'skipped']],
    ['no destination is up', result('apply', { preflight: error(2), 'capture:a': 'skipped' }), [2, 'skipped']],
    ['another run is at work', result('apply', { 'capture:a': error(5) }), [5, 'failed']],
    [
      'another run is at work for one of two',
      result('apply', { 'capture:a': error(5), 'capture:b': 'ok' }),
      [1, 'failed', 'ok'],
    ],
    [
      'a lease could not be released',
      result('apply', { 'capture:a': 'ok' }, undefined, { 'lease:main': 'failed' }),
      [1, 'ok'],
    ],
    ['this program is wrong', result('apply', { 'capture:a': new TypeError('x is undefined') }), [3, 'failed']],
    [
      'it was interrupted',
      result('apply', { 'capture:a': 'interrupted' }, AbortSignal.abort('SIGINT')),
      [130, 'failed'],
    ],
    [
      'it was terminated',
      result('apply', { 'capture:a': 'interrupted' }, AbortSignal.abort(error(143))),
      [143, 'failed'],
    ],
    [
      'it was done before the signal came',
      result('apply', { 'capture:a': 'ok', 'unswap:a': 'skipped' }, AbortSignal.abort('SIGINT')),
      [0, 'ok'],
    ],
    [
      'the signal came behind the commit, and what follows it was not begun',
      result('apply', { 'capture:a': 'ok', 'prune:a': 'cut' }, AbortSignal.abort(error(143))),
      [143, 'ok'],
    ],
  ])('%s', (_name, found, expected) => {
    expect(found).toEqual(expected);
  });
});
