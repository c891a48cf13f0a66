/** The graphs of restores into servers, as data: which task waits for which, and what stands around it. */
import { describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../../src/catalog/format.ts';
import type { RunFacts } from '../../../src/compile/facts.ts';
import { compileRestore, type RestorePiece } from '../../../src/compile/index.ts';
import type { Graph } from '../../../src/graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../../../src/plan/resolved.ts';

vi.mock('../../../src/registry.ts', async (original) => {
  const real = await original<typeof import('../../../src/registry.ts')>();
  const { fakes } = await import('../../integration/fake-databases.ts');
  return { ...real, findSource: (type: string) => fakes[type] ?? real.findSource(type) };
});

const step = { run: ['true'] };
const facts: RunFacts = { programs: {}, inspections: {}, shelves: {}, now: new Date(0) };
const id = 'orders-20261121T020000Z-abcdef';

function graphOf(type: string, change: Partial<RestorePiece> = {}, after = [step], sealed: object = {}): Graph {
  const source = { name: 'orders', type, spec: { type, root: '/server', database: 'orders' } };
  const backup = {
    name: 'orders',
    source,
    transforms: [],
    destinations: [{ name: 'main' }],
    require: 1,
    retention: { main: null },
    objectives: {},
    expect: {},
    verify: [],
    hooks: { before: [], after: [], onFailure: [], finally: [] },
    restore: {
      overwrite: false,
      before: [step],
      assert: [{ sql: 'ls', equals: 'x' }],
      stop: [{ run: ['stop'], start: ['start'] }],
      after,
      safety: { destinations: ['main'], within: { amount: 7, unit: 'd' } },
      options: {},
      as: {},
    },
    allow: {},
    tags: [],
  } as unknown as ResolvedBackup;
  const plan = {
    name: 'shop',
    digest: '0',
    timezone: 'UTC',
    destinations: { main: { name: 'main', type: 'local', spec: { path: '/store' }, offSite: false } },
    groups: [],
    tasks: [],
    backups: [backup],
  } as unknown as ResolvedPlan;
  const manifest = { id, source: {}, artifacts: [{ purpose: 'data', key: `${id}.tar`, stages: [] }], ...sealed };
  const piece: RestorePiece = {
    part: { name: null, purpose: 'data' },
    source,
    target: 'orders',
    replaces: true,
    empty: false,
    beside: 'new',
    stale: false,
    aside: 'old',
    safety: true,
    only: [],
    ...change,
  };
  const from = { destination: 'main' };
  const choice = { backup: 'orders', id, manifest: manifest as unknown as Manifest, from, live: true, pieces: [piece] };
  return compileRestore(plan, facts, [choice]);
}

/** `task within scopes <- needs`, in the order of the graph. */
function shape({ tasks }: Graph): string[] {
  return tasks.map(({ id: task, within, needs }) => {
    const scopes = within.filter((scope) => !scope.startsWith('work:') && !scope.startsWith('lease:'));
    const waits = needs.map(({ task: other, on }) => (on === 'ok' ? other : `${other}:${on}`));
    return `${task}${scopes.length > 0 ? ` in ${scopes.join(' ')}` : ''} <- ${waits.join(' ')}`.trim();
  });
}

describe('the bytes of an artifact', () => {
  const isHashedFirst = (graph: Graph) =>
    graph.tasks.flatMap(({ action }) => (action.do === 'admit' ? [action.onTheWay !== true] : []));

  it('are hashed on the way where the result can be thrown away', () => {
    expect(isHashedFirst(graphOf('renaming'))).toEqual([false]);
    expect(isHashedFirst(graphOf('fixed', { replaces: false }))).toEqual([false]);
  });

  it('are hashed before any program sees them where a key says whose they are, and before anything is loaded over', () => {
    expect(isHashedFirst(graphOf('renaming', {}, [step], { mac: { alg: 'hmac-sha256' } }))).toEqual([true]);
    expect(isHashedFirst(graphOf('fixed'))).toEqual([true]);
    expect(isHashedFirst(graphOf('renaming', { part: { name: 'globals', purpose: 'globals' } }))).toEqual([true]);
  });
});

describe('a restore into a server', () => {
  it('that renames: beside, stop, names, start, after, copy, and only then the old goes', () => {
    expect(shape(graphOf('renaming'))).toEqual([
      'preflight <-',
      'before:1 <- preflight',
      'admit <- before:1',
      'unpack in beside <- admit',
      'assert in beside <- unpack',
      'swap in beside stopped:1 <- assert',
      'after:1 <- swap stopped:1',
      'roll-back in stopped-again:1 <- swap after:1:fail',
      'safety <- swap stopped:1 after:1',
      'discard <- safety',
    ]);
  });

  it('that does not rename: what was proven beside is gone before the copy is made and the old is loaded over', () => {
    expect(shape(graphOf('fixed'))).toEqual([
      'preflight <-',
      'before:1 <- preflight',
      'admit <- before:1',
      'unpack in beside <- admit',
      'assert in beside <- unpack',
      'safety in stopped:1 <- assert beside:done',
      'load in stopped:1 <- safety',
      'after:1 <- load stopped:1',
      'roll-back in stopped-again:1 <- load after:1:fail',
    ]);
  });

  it('loads at once where there is nothing, and asserts there', () => {
    expect(shape(graphOf('fixed', { replaces: false, empty: true, safety: false }, []))).toEqual([
      'preflight <-',
      'before:1 <- preflight',
      'admit <- before:1',
      'load in stopped:1 <- admit',
      'assert in stopped:1 <- load',
      'roll-back in stopped-again:1 <- load assert:fail',
    ]);
  });

  it('makes no copy of what holds nothing, and none where none is wanted', () => {
    for (const change of [{ empty: true, safety: false }, { safety: false }])
      expect(shape(graphOf('renaming', change)).slice(-2)).toEqual([
        'roll-back in stopped-again:1 <- swap after:1:fail',
        'discard <- swap stopped:1 after:1',
      ]);
    expect(shape(graphOf('renaming', { replaces: false, safety: false })).at(-1)).toMatch(/^roll-back /);
  });

  it('moves single parts behind a copy of the whole', () => {
    expect(shape(graphOf('renaming', { only: ['customers'] })).slice(4)).toEqual([
      'assert in beside <- unpack',
      'safety in stopped:1 <- assert',
      'move in beside stopped:1 <- safety',
      'after:1 <- move stopped:1',
    ]);
  });

  it('drops first what a killed run left beside', () => {
    const claims = (stale: boolean) => {
      const scope = graphOf('renaming', { stale }).scopes.find((one) => one.id === 'beside')!;
      return scope.acquire.do === 'run'
        ? scope.acquire.commands.map(({ argv }) => String(argv[2]).split(' ', 1)[0])
        : [];
    };
    expect(claims(false)).toEqual(['if', 'printf']);
    expect(claims(true)).toEqual(['rm', 'if', 'printf']);
  });
});
