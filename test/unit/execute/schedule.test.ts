import { describe, expect, test } from 'vitest';
import { RunnerError } from '../../../src/diagnostic.ts';
import { type RunGraphOptions, runGraph } from '../../../src/execute/schedule.ts';
import type { Perform } from '../../../src/execute/task-context.ts';
import { isTransient, TransientError } from '../../../src/execute/transient.ts';
import type { Action, Graph, Scope, Task } from '../../../src/graph.ts';
import type { Event } from '../../../src/report/events.ts';

const step: Action = { do: 'step', step: { step: 'manual', text: '' } };
const check: Action = { do: 'assert', assert: [] };

function task(id: string, more: Partial<Omit<Task, 'needs'>> & { needs?: string[] } = {}): Task {
  const { needs = [], ...rest } = more;
  const parsed = needs.map((need) => {
    const [on, name] = need.split(' ') as ['ok' | 'fail' | 'done', string];
    return { task: name, on };
  });
  return { id, title: id, host: 'here', within: [], action: check, outputs: [], ...rest, needs: parsed };
}

function scope(id: string, more: Partial<Scope> = {}): Scope {
  return { id, host: 'here', acquire: { do: 'directory' }, release: { do: 'remove-directory' }, outputs: [], ...more };
}

type Work = (context: Parameters<Perform>[1], action: Action) => Promise<unknown> | undefined;

/** Runs a graph whose tasks do what `work` says; without an entry they succeed. Scopes log `+id` and `-id`. */
async function execute(
  tasks: Task[],
  o: { scopes?: Scope[]; work?: Record<string, Work>; options?: Partial<RunGraphOptions> } = {},
) {
  const log: string[] = [];
  const events: Partial<Event>[] = [];
  const graph: Graph = {
    format: 'runner/graph@1',
    plan: { name: 'test', digest: '' },
    command: 'apply',
    tasks,
    scopes: o.scopes ?? [],
    shelf: [],
  };
  const perform: Perform = async (action, context) => {
    const isRelease = context.task === null && action.do === 'remove-directory';
    const id = context.task === null ? `${isRelease ? '-' : '+'}${context.id}` : context.id;
    log.push(id);
    const given = await o.work?.[id]?.(context, action);
    if (context.task !== null) log.push(`${id}.`);
    return given ?? (id.startsWith('+') ? { outputs: { path: `/${context.id}` } } : {});
  };
  const done = await runGraph(graph, perform, {
    parallelism: 4,
    signal: new AbortController().signal,
    emit: (event) => events.push(event),
    ...o.options,
  });
  const outcomes = Object.fromEntries([...done.results].map(([id, { outcome }]) => [id, outcome]));
  return { ...done, outcomes, log, events };
}

const fail =
  (message = 'broken') =>
  () =>
    Promise.reject(new RunnerError(message));
const pause = (milliseconds: number) =>
  new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds, undefined));
/** Works until it is aborted. */
const endless: Work = ({ signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('noticed'))));

describe('order', () => {
  test('a task waits for its needs, in whatever order they stand', async () => {
    const { log, outcomes } = await execute([
      task('c', { needs: ['ok b'] }),
      task('b', { needs: ['ok a'] }),
      task('a'),
    ]);
    expect(log).toEqual(['a', 'a.', 'b', 'b.', 'c', 'c.']);
    expect(outcomes).toEqual({ a: 'ok', b: 'ok', c: 'ok' });
  });

  test('never more than `parallelism` at a time, and as many', async () => {
    let inside = 0;
    let most = 0;
    const busy: Work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await pause(5);
      inside -= 1;
      return undefined;
    };
    const ids = [...'abcdefgh'];
    const work = Object.fromEntries(ids.map((id) => [id, busy]));
    await execute(
      ids.map((id) => task(id)),
      { work, options: { parallelism: 3 } },
    );
    expect(most).toBe(3);
  });

  test('a failure skips what needs it, and nothing else', async () => {
    const { outcomes, results } = await execute(
      [
        task('a'),
        task('b', { needs: ['ok a'] }),
        task('c', { needs: ['ok b'] }),
        task('sibling'),
        task('last', { needs: ['done c'] }),
      ],
      { work: { a: fail() } },
    );
    expect(outcomes).toEqual({ a: 'failed', b: 'skipped', c: 'skipped', sibling: 'ok', last: 'ok' });
    expect(results.get('b')?.message).toBe('"a" failed.');
    expect(results.get('c')?.message).toBe('"b" was skipped.');
  });

  test('what needs a failure runs after one, with its message, and is skipped otherwise', async () => {
    const graph = [task('a'), task('b'), task('hook', { needs: ['fail a', 'fail b'] })];
    let heard = '';
    const hook: Work = async ({ lookup }) => {
      heard = lookup.out('a.error') + lookup.out('b.error');
      return undefined;
    };
    const broken = await execute(graph, { work: { a: fail('no space'), hook } });
    expect([broken.outcomes.hook, heard]).toEqual(['ok', 'no space']);
    expect((await execute(graph, { work: { hook } })).outcomes.hook).toBe('skipped');
  });

  test('a hook is told every failure, and an output that nobody gave as an empty text', async () => {
    const one = { ...task('one'), backup: 'orders' };
    const two = { ...task('two'), backup: 'orders', outputs: ['id'] };
    let heard: string[] = [];
    const hook: Work = async ({ lookup }) => {
      heard = ['backup:orders.errors', 'run.errors', 'two.id'].map((name) => lookup.out(name));
      return undefined;
    };
    const graph = [one, two, task('third'), task('hook', { needs: ['done one', 'done two', 'done third'] })];
    await execute(graph, { work: { one: fail('no space'), two: fail('no time'), third: fail('no hope'), hook } });
    expect(heard[0]?.split('\n').sort()).toEqual(['no space', 'no time']);
    expect(heard[1]?.split('\n').sort()).toEqual(['no hope', 'no space', 'no time']);
    expect(heard[2]).toBe('');
  });

  test('warned and partial count as done well', async () => {
    const { outcomes } = await execute([task('a'), task('b', { needs: ['ok a'] })], {
      work: { a: async () => ({ outcome: 'partial', message: 'one of two' }) },
    });
    expect(outcomes).toEqual({ a: 'partial', b: 'ok' });
  });

  test('a task that can never start is skipped before its other needs have ended', async () => {
    const { events } = await execute([task('bad'), task('slow'), task('both', { needs: ['ok slow', 'ok bad'] })], {
      work: { bad: fail(), slow: () => pause(30) },
    });
    const ended = events.filter(({ event }) => event === 'task-finished').map((event) => 'task' in event && event.task);
    expect(ended).toEqual(['bad', 'both', 'slow']);
  });
});

describe('bindings', () => {
  test('outputs of tasks and scopes are bound, and `work` is the innermost directory', async () => {
    const seen: string[] = [];
    const inner: Work = async ({ lookup }) => {
      seen.push(lookup.out('run.id'), lookup.out('a.id'), lookup.work('x'), lookup.out('outer.path'));
      return undefined;
    };
    const lease: Scope = scope('lease', { acquire: { do: 'lease', destination: 'd' } });
    const { bindings } = await execute(
      [task('a'), task('b', { needs: ['ok a'], within: ['outer', 'inner', 'lease'] })],
      {
        scopes: [scope('outer'), scope('inner'), lease],
        work: { a: async () => ({ outputs: { id: 'shop-1' } }), b: inner },
        options: { bindings: { 'run.id': 'r1' } },
      },
    );
    expect(seen).toEqual(['r1', 'shop-1', '/inner/x', '/outer']);
    expect(bindings).toMatchObject({ 'run.id': 'r1', 'a.id': 'shop-1', 'inner.path': '/inner', 'b.error': '' });
  });

  test('a secret in an error is hidden where it is bound, told and recorded', async () => {
    const { bindings, results, events } = await execute([task('a')], {
      work: { a: fail('password sesame refused') },
      options: { redact: (text) => text.replace('sesame', '‹secret:db›') },
    });
    expect(bindings['a.error']).toBe('password ‹secret:db› refused');
    expect(results.get('a')?.message).toBe('password ‹secret:db› refused');
    expect(JSON.stringify(events)).not.toMatch(/sesame/);
  });
});

describe('scopes', () => {
  const nested = { scopes: [scope('outer'), scope('inner')] };
  const within = ['outer', 'inner'];

  test('are acquired before their first task, outermost first, and released behind their last, innermost first', async () => {
    const { log } = await execute(
      [task('before'), task('a', { within, needs: ['ok before'] }), task('b', { within: ['outer'], needs: ['ok a'] })],
      nested,
    );
    expect(log.indexOf('+outer')).toBeGreaterThan(log.indexOf('before.'));
    expect(log.slice(log.indexOf('+outer'), log.indexOf('a'))).toEqual(['+outer', '+inner']);
    expect(log.indexOf('-inner')).toBeLessThan(log.indexOf('-outer'));
    expect(log.indexOf('-outer')).toBeGreaterThan(log.indexOf('b.'));
    expect(log.filter((entry) => /^[+-]/.test(entry))).toHaveLength(4);
  });

  test('are released after a failure too, and not acquired when nothing in them starts', async () => {
    const failed = await execute([task('a', { within })], { ...nested, work: { a: fail() } });
    expect(failed.log).toEqual(['+outer', '+inner', 'a', '-inner', '-outer']);
    const skipped = await execute([task('x'), task('a', { within, needs: ['ok x'] })], {
      ...nested,
      work: { x: fail() },
    });
    expect(skipped.log).toEqual(['x']);
  });

  test('one that cannot be acquired fails its tasks; what was acquired around it is released', async () => {
    const { outcomes, log, scopes, events } = await execute([task('a', { within }), task('b', { within }), task('c')], {
      ...nested,
      work: { '+inner': fail('held by another run') },
    });
    expect(outcomes).toEqual({ a: 'failed', b: 'failed', c: 'ok' });
    expect(log.filter((entry) => /^[+-]/.test(entry))).toEqual(['+outer', '+inner', '-outer']);
    expect(scopes.get('inner')?.message).toBe('held by another run');
    expect(events).toContainEqual({
      event: 'notice',
      level: 'error',
      message: '"inner" could not be acquired: held by another run',
    });
  });

  test('a release that fails is told and recorded, and the outer one is released all the same', async () => {
    const { scopes, log, outcomes } = await execute([task('a', { within })], {
      ...nested,
      work: { '-inner': fail('app did not start') },
    });
    expect(outcomes).toEqual({ a: 'ok' });
    expect(scopes.get('inner')).toMatchObject({ outcome: 'failed', message: 'app did not start' });
    expect(log.at(-1)).toBe('-outer');
  });

  test('a need may name a scope: it waits for the release', async () => {
    const swap = task('swap', { within: ['stopped'] });
    const after = task('after', { needs: ['ok stopped'] });
    const { log } = await execute([after, swap], { scopes: [scope('stopped')], work: { '-stopped': () => pause(10) } });
    expect(log).toEqual(['+stopped', 'swap', 'swap.', '-stopped', 'after', 'after.']);
    const broken = await execute([after, swap], { scopes: [scope('stopped')], work: { '-stopped': fail() } });
    expect(broken.outcomes.after).toBe('skipped');
    const unused = await execute([after, task('x'), task('swap', { within: ['stopped'], needs: ['ok x'] })], {
      scopes: [scope('stopped')],
      work: { x: fail() },
    });
    expect(unused.outcomes.after).toBe('skipped');
  });

  test('one held too long is released at once, and its tasks are ended', async () => {
    const slow: Work = async (context) => {
      await endless(context, check)?.catch(() => {});
      await pause(30);
      throw new Error('ended');
    };
    const { outcomes, results, log } = await execute([task('a', { within: ['frozen'] })], {
      scopes: [scope('frozen', { maxHold: 0.05 })],
      work: { a: slow },
    });
    expect(outcomes).toEqual({ a: 'failed' });
    expect(results.get('a')?.message).toBe('"frozen" was held longer than its limit of 0.05 s.');
    expect(log).toEqual(['+frozen', 'a', '-frozen']);
  });
});

describe('attempts', () => {
  const flaky = (failures: number, error: Error): Work => {
    let calls = 0;
    return async () => {
      calls += 1;
      if (calls <= failures) throw error;
      return { outputs: { calls: String(calls) } };
    };
  };
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  const retry = { attempts: 3, delay: 0.001 };

  test('a transient fault is tried again and told', async () => {
    const { bindings, events } = await execute([task('a', { retry })], { work: { a: flaky(2, reset) } });
    expect(bindings['a.calls']).toBe('3');
    expect(
      events.filter(({ event }) => event === 'notice').map((event) => 'message' in event && event.message),
    ).toEqual([
      'read ECONNRESET. Trying again in 0.001 s (attempt 2 of 3).',
      'read ECONNRESET. Trying again in 0.002 s (attempt 3 of 3).',
    ]);
  });

  test('not for ever, not for lasting faults, and never a capture', async () => {
    const calls = (log: string[]) => log.filter((entry) => entry === 'a').length;
    const often = await execute([task('a', { retry })], { work: { a: flaky(3, reset) } });
    expect([often.outcomes.a, calls(often.log)]).toEqual(['failed', 3]);
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const lasting = await execute([task('a', { retry })], { work: { a: flaky(1, full) } });
    expect([lasting.outcomes.a, calls(lasting.log)]).toEqual(['failed', 1]);
    const action = { do: 'capture' } as Action;
    const capture = await execute([task('a', { retry, action })], { work: { a: flaky(1, reset) } });
    expect([capture.outcomes.a, calls(capture.log)]).toEqual(['failed', 1]);
  });

  test('a timeout ends the task, all its attempts together', async () => {
    const { results, outcomes } = await execute([task('a', { timeout: 0.05, retry: { attempts: 5, delay: 60 } })], {
      work: { a: flaky(9, reset) },
    });
    expect(outcomes.a).toBe('failed');
    expect(results.get('a')?.message).toBe('"a" took longer than its limit of 0.05 s.');
    const { results: ended } = await execute([task('a', { timeout: 0.05 })], { work: { a: endless } });
    expect(ended.get('a')?.message).toMatch(/took longer/);
  });

  test('what is transient', () => {
    expect(isTransient(reset)).toBe(true);
    expect(isTransient(new RunnerError('upload failed', { cause: reset }))).toBe(true);
    expect(isTransient(new TransientError('busy'))).toBe(true);
    expect(isTransient({ $metadata: { httpStatusCode: 503 } })).toBe(true);
    expect(isTransient({ status: 429 })).toBe(true);
    expect(isTransient({ status: 403 })).toBe(false);
    expect(isTransient(Object.assign(new Error('full'), { code: 'ENOSPC', cause: reset }))).toBe(false);
    expect(isTransient(Object.assign(new RunnerError('final', { cause: reset }), { transient: false }))).toBe(false);
    expect(isTransient(new RunnerError('wrong password'))).toBe(false);
    expect(isTransient('text')).toBe(false);
  });
});

describe('interruption', () => {
  const interrupted = new RunnerError('Interrupted by SIGINT.');

  test('ends what runs, skips what waits, releases, and runs the last steps', async () => {
    const controller = new AbortController();
    const releaseSignal: boolean[] = [];
    const { outcomes, log, results } = await execute(
      [
        task('a', { within: ['scope'] }),
        task('b', { within: ['scope'], needs: ['ok a'] }),
        task('on-failure', { action: step, needs: ['fail a'] }),
        task('finally', { action: step, within: ['scope'], needs: ['done a', 'done b'] }),
        task('later', { needs: ['done a'] }),
        task('elsewhere', { action: step, within: ['other'], needs: ['done a'] }),
      ],
      {
        scopes: [scope('scope'), scope('other')],
        options: { signal: controller.signal },
        work: {
          a: (context, action) => {
            setTimeout(() => controller.abort(interrupted), 10);
            return endless(context, action);
          },
          '-scope': async ({ signal }) => {
            releaseSignal.push(signal.aborted);
            return undefined;
          },
        },
      },
    );
    expect(outcomes).toEqual({
      a: 'interrupted',
      b: 'skipped',
      'on-failure': 'skipped',
      finally: 'ok',
      later: 'skipped',
      elsewhere: 'skipped',
    });
    expect(results.get('a')?.message).toBe('Interrupted by SIGINT.');
    expect(log).toEqual(['+scope', 'a', 'finally', 'finally.', '-scope']);
    expect(releaseSignal).toEqual([false]);
  });

  test('before the first task: nothing starts', async () => {
    const { outcomes, log } = await execute([task('a', { within: ['scope'] })], {
      scopes: [scope('scope')],
      options: { signal: AbortSignal.abort(interrupted) },
    });
    expect(outcomes).toEqual({ a: 'skipped' });
    expect(log).toEqual([]);
  });

  test('while a scope is being acquired: its tasks are interrupted, nothing is recorded against it', async () => {
    const controller = new AbortController();
    const { outcomes, scopes, results } = await execute([task('a', { within: ['scope'] })], {
      scopes: [scope('scope')],
      options: { signal: controller.signal },
      work: {
        '+scope': (context, action) => {
          setTimeout(() => controller.abort(interrupted), 10);
          return endless(context, action);
        },
      },
    });
    expect(outcomes).toEqual({ a: 'interrupted' });
    expect(results.get('a')?.message).toBe('Interrupted by SIGINT.');
    expect(scopes.size).toBe(0);
  });

  test('a task that finished all the same is done', async () => {
    const controller = new AbortController();
    const { outcomes } = await execute([task('a')], {
      options: { signal: controller.signal },
      work: {
        a: async () => {
          controller.abort(interrupted);
          return {};
        },
      },
    });
    expect(outcomes).toEqual({ a: 'ok' });
  });
});
