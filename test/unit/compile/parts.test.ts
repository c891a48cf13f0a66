import { describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../../src/catalog/format.ts';
import { compileApply } from '../../../src/compile/apply.ts';
import type { RunFacts } from '../../../src/compile/facts.ts';
import { partNamed, partsOf, plannedParts } from '../../../src/compile/parts.ts';
import type { SourceKind } from '../../../src/kind.ts';
import type { ResolvedPlan } from '../../../src/plan/resolved.ts';
import { renderText } from '../../../src/preview/text.ts';
import { read } from '../plan-schema/plans.ts';

type ServerSpec = { type: string; database: string | null };

/** A server that names its databases when it is asked; `globals` belong to it. */
const server: SourceKind<ServerSpec> = {
  role: 'source',
  type: 'server',
  programs: () => [],
  extension: ({ database }) => (database === 'globals' ? '.sql' : '.dump'),
  requirements: () => [],
  survey: { command: () => ({ argv: ['ask'] }), read: () => ({ version: '15.1', data: {} }) },
  parts: (_spec, { survey }) => {
    if (!survey) throw new Error('its databases are not known');
    const names = survey.data.names as string[];
    if (names.length === 1) return null;
    return names.map((name) => ({
      name,
      purpose: name === 'globals' ? ('globals' as const) : ('data' as const),
      spec: { type: 'server', database: name },
    }));
  },
  part: (_spec, { name }) => ({ type: 'server', database: name }),
  snapshot: ({ database }) => ({
    command: { argv: ['session', String(database)] },
    ready: { line: '(.*)' },
    within: 5,
    stop: 'TERM',
  }),
  capture: ({ database }, _facts, moment) => ({
    prepare: [],
    produce: { argv: ['dump', String(database), ...(moment ? [moment] : [])] },
    cleanup: [],
    plain: { unknown: true },
    learn: { position: { argv: ['position'] } },
  }),
  content: () => ({ intake: { discard: true } }),
  restores: () => 'none',
  home: () => null,
  restore: () => ({ intake: { discard: true } }),
  manual: ({ database }) => `load ${database}`,
};

vi.mock('../../../src/registry.ts', async (original) => {
  const real = await original<typeof import('../../../src/registry.ts')>();
  return { ...real, findSource: (type: string) => (type === 'server' ? server : real.findSource(type)) };
});

const source = { name: 'server', type: 'server', spec: { type: 'server', database: null } };
const facts = (names: string[] | null) => ({
  programs: {},
  survey: names ? { version: '15.1', data: { names } } : null,
});

async function planOf(): Promise<ResolvedPlan> {
  const { resolved } = await read(`version: 1
name: shop
defaults: { destinations: [{ type: local, path: /a }], transforms: [zstd] }
backups:
  server: { source: { type: command, run: [x] } }
  files: { source: { type: command, run: [y] } }
`);
  resolved!.backups[0]!.source = source;
  return resolved!;
}

async function compiled(names: string[] | null) {
  const plan = await planOf();
  const site = { programs: { zstd: { path: '/usr/bin/zstd', version: '1.5.4' } } };
  const all: RunFacts = {
    ...site,
    inspections: {},
    shelves: {},
    now: new Date(),
    sources: { server: { site, survey: facts(names).survey, problems: [] }, files: { site, problems: [] } },
  };
  const graph = compileApply(plan, all);
  const task = graph.tasks.find(({ id }) => id === 'capture:server')!;
  if (task.action.do !== 'capture') throw new Error('no capture');
  return { graph, task, action: task.action };
}

describe('a backup of several parts', () => {
  it('has each with its programs, its extension, its snapshot and what opens it by hand', async () => {
    const { graph, task, action } = await compiled(['globals', 'Orders', 'stock']);
    expect(action.parts.map(({ name, purpose, extension }) => [name, purpose, extension])).toEqual([
      ['globals', 'globals', '.sql.zst'],
      ['Orders', 'data', '.dump.zst'],
      ['stock', 'data', '.dump.zst'],
    ]);
    expect(action.parts.map(({ recovery }) => recovery)).toEqual([
      ['cat ARTIFACT | zstd -d -c | load globals'],
      ['cat ARTIFACT | zstd -d -c | load Orders'],
      ['cat ARTIFACT | zstd -d -c | load stock'],
    ]);
    expect(action.parts.map(({ produce }) => produce.argv)).toEqual([
      ['dump', 'globals'],
      ['dump', 'Orders', { out: 'snapshot:server:2.line' }],
      ['dump', 'stock', { out: 'snapshot:server:3.line' }],
    ]);
    expect(task.within.filter((id) => id.startsWith('snapshot:'))).toEqual(['snapshot:server:2', 'snapshot:server:3']);
    expect(action.manifest.source.version).toBe('15.1');
    const text = renderText(graph);
    expect(text).toContain('Orders ({ext} is .=4frders.dump.zst):');
    expect(text).toContain('globals ({ext} is .=globals.sql.zst):');
  });

  it('a single one is as it always was', async () => {
    const { action } = await compiled(['orders']);
    expect(action.parts.map(({ name, purpose, extension }) => [name, purpose, extension])).toEqual([
      [null, 'data', '.dump.zst'],
    ]);
    expect(action.parts[0]!.produce.argv[2]).toEqual({ out: 'snapshot:server.line' });
  });

  it.each([
    [null, 'its databases are not known'],
    [[], 'nothing of it is chosen by the plan, so there is nothing to back up'],
    [['a', 'a'], 'two parts of it have the same name'],
  ])('of which it is not known what they are (%j) is unfit, and no other', async (names, why) => {
    const { graph, action } = await compiled(names as string[] | null);
    expect(action.parts).toEqual([]);
    const preflight = graph.tasks.find(({ action: one }) => one.do === 'preflight')!.action;
    const found = preflight.do === 'preflight' ? preflight.requirements : [];
    expect(found.filter(({ need }) => need === 'fact')).toEqual([
      { need: 'fact', problem: `backup "server": ${why}`, backups: ['server'] },
    ]);
  });
});

describe('parts of a manifest', () => {
  const artifact = (name: string, purpose: 'data' | 'globals', key: string) => ({
    name,
    purpose,
    variant: 'main',
    key: `shop/server/2026/11/server-20261121T020000Z-abc123${key}`,
    size: 1,
    sha256: '0'.repeat(64),
    stages: [{ type: 'zstd', extension: '.zst', parameters: {}, argv: [], seconds: 1 }],
    facts: { position: name },
  });
  const manifest = {
    id: 'server-20261121T020000Z-abc123',
    source: { type: 'server', name: 'server', argv: [], version: '13.2', facts: { host: 'db1' } },
    artifacts: [artifact('gone', 'data', '.gone.dump.zst'), artifact('globals', 'globals', '.=globals.sql.zst')],
  } as unknown as Manifest;

  it('are opened as they were made, although the server knows nothing of them any more', () => {
    const parts = partsOf(manifest, source, facts(null));
    expect(parts.map(({ source: { spec } }) => spec.database)).toEqual(['gone', 'globals']);
    expect(parts.map(({ made }) => made)).toEqual([
      { extension: '.dump', version: '13.2', facts: { host: 'db1', position: 'gone' } },
      { extension: '.sql', version: '13.2', facts: { host: 'db1', position: 'globals' } },
    ]);
  });

  it('are meant by their names', () => {
    expect(partNamed(manifest, 'gone')).toEqual({ name: 'gone', purpose: 'data' });
    expect(partNamed(manifest, 'globals')).toEqual({ name: 'globals', purpose: 'globals' });
    expect(partNamed(manifest, 'other')).toBeUndefined();
    expect(partNamed(manifest, null)).toBeUndefined();
    expect(plannedParts(source, facts(['one'])).parts).toEqual([{ name: null, purpose: 'data', source }]);
  });
});
