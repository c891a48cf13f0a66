import { describe, expect, it, vi } from 'vitest';
import type { RunFacts } from '../../../src/compile/facts.ts';
import { recipeCommands } from '../../../src/compile/rewrite.ts';
import { containerScope, isConfined, type ScratchWanted, throwaway } from '../../../src/compile/scratch.ts';
import { seal } from '../../../src/compile/seal.ts';
import type { Graph, Task } from '../../../src/graph.ts';
import type { Facts, Scratch, SourceKind } from '../../../src/kind.ts';

type Spec = { type: 'fake'; host?: string; socket?: string; leaks?: 'secret' | 'host' };
const seen: { where: unknown; facts: Facts }[] = [];

const fake: SourceKind<Spec> = {
  role: 'source',
  type: 'fake',
  programs: () => ['served'],
  extension: () => '.dump',
  requirements: () => [],
  capture: () => ({ prepare: [], produce: { argv: ['true'] }, cleanup: [], plain: { unknown: true } }),
  content: () => ({ intake: { discard: true } }),
  scratch: (spec, where, facts): Scratch => {
    seen.push({ where, facts });
    if (facts.made?.version === '99') return { missing: 'no server of version 99 is installed' };
    const host = spec.leaks === 'host' ? ['--host', spec.host!] : [];
    return {
      target: { path: 'restored', server: { at: 'socket', directory: { work: 's' } } },
      recipe: {
        prepare: [{ argv: ['mkdir', { work: 's' }], cwd: { work: '.' } }],
        servers: [
          {
            after: 'prepare',
            held: {
              command: { argv: ['/opt/served', '--data', { work: 'data' }, ...host] },
              ready: { command: { argv: ['ping', { work: 's' }] } },
              within: 10,
              stop: 'TERM',
            },
          },
        ],
        intake: { file: { work: 'dump' } },
        load: [
          {
            argv: ['load', { join: ['--file=', { work: 'dump' }] }],
            env: { HOME: '/kept', CONF: { work: 'conf' } },
            files: [
              {
                path: 'conf',
                value: spec.leaks === 'secret' || typeof where === 'object' ? { secret: 'db' } : 'trust',
              },
            ],
          },
        ],
      },
    };
  },
  restores: () => 'database',
  home: () => null,
  restore: () => ({ intake: { discard: true } }),
  questions: ['sql'],
  ask: (_spec, _question, target) => ({ argv: ['ask', target!.path, { work: 's' }] }),
  manual: () => 'load',
};

vi.mock('../../../src/registry.ts', async (original) => {
  const real = await original<typeof import('../../../src/registry.ts')>();
  return { ...real, findSource: (type: string) => (type === 'fake' ? fake : real.findSource(type)) };
});

const base: RunFacts = { programs: {}, installed: {}, inspections: {}, shelves: {}, now: new Date(0) };
const root = (network: 'none' | 'shared' = 'none'): RunFacts => ({ ...base, sandbox: { network } });
const wanted = (change: Partial<ScratchWanted> = {}, spec: Partial<Spec> = {}): ScratchWanted => ({
  source: { name: null, type: 'fake', spec: { type: 'fake', ...spec } },
  into: 'scratch',
  made: { extension: '.dump', version: '15', facts: {} },
  folder: null,
  container: 'container:orders:restore',
  ...change,
});
const made = (change: Partial<ScratchWanted> = {}, facts: RunFacts = root(), spec: Partial<Spec> = {}) => {
  const found = throwaway(wanted(change, spec), facts);
  if ('missing' in found) throw new Error(found.missing);
  return found;
};

const setpriv = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs', '--'];

describe('a throw-away server here', () => {
  it('has each of its commands shut in where the runner is root', () => {
    const { recipe, ask } = made();
    for (const { argv } of [...recipeCommands(recipe), ask({ sql: 'select 1' })])
      expect(argv.slice(0, 9)).toEqual(['unshare', '--net', '--', ...setpriv]);
    expect(recipeCommands(recipe)).toHaveLength(4);
    expect(recipe.intake).toEqual({ file: { work: 'dump' }, owner: 65_534 });
    expect(recipe.load![0]!.files).toEqual([{ path: 'conf', value: 'trust', owner: 65_534 }]);
  });

  it('keeps the network where the system cannot take it away, and always for a given server', () => {
    expect(made({}, root('shared')).recipe.load![0]!.argv.slice(0, 6)).toEqual(setpriv);
    expect(made({ into: { url: 'given' } }).recipe.load![0]!.argv.slice(0, 6)).toEqual(setpriv);
  });

  it('runs as we do where we are no root', () => {
    const { recipe } = made({}, base);
    expect(recipe.load![0]!.argv[0]).toBe('load');
    expect(recipe.intake).toEqual({ file: { work: 'dump' } });
    expect([isConfined('scratch', base), isConfined('scratch', root())]).toEqual([false, true]);
  });

  it('works in its own directory and takes it for home, unless its kind says otherwise', () => {
    const { recipe } = made();
    const { command } = recipe.servers![0]!.held;
    expect(command).toMatchObject({ cwd: { work: '.' }, env: { HOME: { work: '.' }, TMPDIR: { work: '.' } } });
    expect(recipe.load![0]!.env).toEqual({ HOME: '/kept', TMPDIR: { work: '.' }, CONF: { work: 'conf' } });
  });

  it('has a folder of its own among several, which is made first and leaves last', () => {
    const { recipe, target, ask } = made({ folder: 'part-2' }, base);
    expect(recipe.prepare!.map(({ argv }) => argv)).toEqual([
      ['mkdir', '--', { work: 'part-2' }],
      ['mkdir', { work: 'part-2/s' }],
    ]);
    expect(recipe.prepare![0]!.cwd).toEqual({ work: '.' });
    expect(recipe.prepare![1]!.cwd).toEqual({ work: 'part-2' });
    expect(recipe.sweep!.map(({ argv }) => argv)).toEqual([['rm', '-rf', '--', { work: 'part-2' }]]);
    expect(recipe.load![0]!.files![0]!.path).toBe('part-2/conf');
    expect(target.server).toEqual({ at: 'socket', directory: { work: 'part-2/s' } });
    expect(ask({ sql: 'x' }).argv).toEqual(['ask', 'restored', { work: 'part-2/s' }]);
  });

  it('is missing for the reason that its kind, its user or its image gives', () => {
    const old = { made: { extension: '.dump', version: '99', facts: {} } };
    expect(throwaway(wanted(old), root())).toEqual({ missing: 'no server of version 99 is installed' });
    const problem = 'setpriv is missing';
    expect(throwaway(wanted(), { ...base, sandbox: { problem } })).toEqual({ missing: problem });
    const docker = wanted({ into: { docker: 'db:15' } });
    expect(throwaway(docker, { ...base, images: { 'db:15': { problem: 'no such image' } } })).toEqual({
      missing: 'no such image',
    });
  });

  it('never has a way to the source', () => {
    expect(() => made({}, root(), { leaks: 'secret' })).toThrow(/uses the secret "db" of its source/);
    expect(() => made({}, root(), { leaks: 'host', host: 'db.internal' })).toThrow(/names the host of its source/);
    // A word that stands for a folder as well is no way.
    expect(() => made({}, root(), { host: 'data' })).not.toThrow();
    expect(() => made({ into: { url: 'given' } }, root(), { leaks: 'secret' })).not.toThrow();
  });
});

describe('a throw-away server in a container', () => {
  const into = { docker: 'db:15' };
  const programs = { served: { path: '/usr/bin/served', version: '15' } };
  const facts: RunFacts = { ...root(), images: { 'db:15': { programs, installed: {} } } };

  it('has each command inside, as a user that owns nothing, and what is there is what its kind sees', () => {
    const { recipe, ask } = made({ into }, facts);
    const name = { join: ['runner-', { out: 'run.id' }, '-container-orders-restore'] };
    for (const command of [...recipeCommands(recipe), ask({ sql: 'select 1' })]) {
      expect(command.place).toEqual({ docker: name, user: '65534:65534' });
      expect(command.argv).not.toContain('setpriv');
    }
    expect(recipe.intake).toMatchObject({ consume: { argv: ['sh', '-c', 'exec cat >"$1"', 'sh', { work: 'dump' }] } });
    expect(seen.at(-1)).toMatchObject({ where: 'container', facts: { programs } });
    expect(seen.at(-1)!.facts.survey).toBeUndefined();
  });

  it('hangs on its input, has no network and leaves with its end', () => {
    const { acquire } = containerScope('container:orders:restore', 'db:15');
    if (acquire.do !== 'hold') throw new Error('it is not held');
    const { argv } = acquire.held.command;
    for (const word of ['--rm', '--interactive', '--network=none', '--user=65534:65534', '--pull=missing'])
      expect(argv).toContain(word);
    expect(argv.slice(argv.indexOf('--'))).toEqual(['--', 'db:15', '-c', 'echo ready; exec cat']);
    expect(acquire.held.stop).toBe('end-of-input');
  });
});

describe('a sealed graph', () => {
  const task = (id: string, argv: Task['action'], within: string[] = []): Task => ({
    id,
    title: id,
    host: 'local',
    within,
    needs: [],
    action: argv,
    outputs: [],
  });
  const graph = (tasks: Task[], scopes: Graph['scopes'] = []): Graph =>
    seal({ format: 'runner/graph@1', plan: { name: 'p', digest: 'd' }, command: 'apply', tasks, scopes, shelf: [] });
  const files = [{ path: 'pgpass', value: { secret: 'db' } }];

  it('gives a private directory to whatever writes files and has none', () => {
    const step = { do: 'step' as const, step: { step: 'run' as const, command: { argv: ['psql'], files } } };
    const plain = { do: 'step' as const, step: { step: 'run' as const, command: { argv: ['true'] } } };
    const { tasks, scopes } = graph(
      [task('before', step), task('after', plain), task('in', step, ['held'])],
      [
        {
          id: 'held',
          host: 'local',
          acquire: { do: 'directory' },
          release: { do: 'remove-directory' },
          outputs: ['path'],
        },
      ],
    );
    expect(tasks.map(({ within }) => within)).toEqual([['work:before'], [], ['held']]);
    expect(scopes.map(({ id }) => id)).toEqual(['held', 'work:before']);
  });

  it('gives one to a scope, in front of it, for all that stand in it', () => {
    const quiet = { do: 'run' as const, commands: [{ argv: ['psql'], files }] };
    const scope = { id: 'quiet', host: 'local', acquire: quiet, release: quiet, outputs: [] };
    const inside = { do: 'step' as const, step: { step: 'run' as const, command: { argv: ['true'] } } };
    const { tasks } = graph([task('a', inside, ['quiet']), task('b', inside, ['quiet'])], [scope]);
    expect(tasks.map(({ within }) => within)).toEqual([
      ['work:quiet', 'quiet'],
      ['work:quiet', 'quiet'],
    ]);
  });
});
