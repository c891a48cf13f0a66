import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphDigest, matchesDigest } from '../../../src/compile/digest.ts';
import type { RunFacts } from '../../../src/compile/facts.ts';
import { compileApply, compilePrune } from '../../../src/compile/index.ts';
import { readFacts } from '../../../src/facts.ts';
import type { Graph } from '../../../src/graph.ts';
import { readPlan } from '../../../src/plan/read.ts';
import type { ResolvedPlan } from '../../../src/plan/resolved.ts';
import { renderMermaid } from '../../../src/preview/mermaid.ts';
import { renderText } from '../../../src/preview/text.ts';

const plan = `
version: 1
name: shop
secrets: { key: { env: KEY } }
sources: { database: { type: sqlite, path: shop.sqlite } }
destinations: { disk: { type: local, path: disk }, nas: { type: local, path: nas } }
retention: { standard: { daily: 7 } }
hooks: { finally: [{ run: [echo, done] }] }
backups:
  shop:
    source: database
    transforms: [gzip, { aes: { key: { secret: key } } }]
    destinations: [disk, nas]
    retention: standard
    verify: [content]
    hooks: { before: [{ run: [sh, -c, ":"] }], on-failure: [{ run: [echo, failed] }] }
  other:
    source: { type: files, base: ., paths: [files] }
    destinations: [disk]
    priority: { nice: 10, io: idle }
`;

let folder: string;
let resolved: ResolvedPlan;
let facts: RunFacts;
let graph: Graph;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'compile-'));
  writeFileSync(join(folder, 'plan.yaml'), plan);
  resolved = (await readPlan(join(folder, 'plan.yaml'), { environment: {} })).resolved;
  // Only what is found on PATH differs between machines; these tests speak of one.
  const programs = Object.fromEntries(
    ['tar', 'gzip', 'openssl', 'sqlite3'].map((name) => [
      name,
      { path: `/usr/bin/${name}`, version: `${name} (GNU) 3.40` },
    ]),
  );
  facts = { ...(await readFacts(resolved, { environment: { PATH: process.env.PATH } })), programs };
  graph = compileApply(resolved, facts);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('compileApply', () => {
  it('gives plain, frozen data that survives JSON', () => {
    expect(JSON.parse(JSON.stringify(graph))).toEqual(graph);
    expect(Object.isFrozen(graph.tasks[0]?.action)).toBe(true);
    expect(() => (graph.tasks as unknown[]).push(1)).toThrow(TypeError);
  });

  it('puts every task behind what it needs', () => {
    const place = new Map(graph.tasks.map(({ id }, index) => [id, index]));
    for (const { id, needs } of graph.tasks) {
      for (const need of needs) if (place.has(need.task)) expect(place.get(need.task)).toBeLessThan(place.get(id)!);
    }
  });

  it('never puts a secret into an argument vector', () => {
    const argv = JSON.stringify(graph, (key, value) =>
      key === 'env' || key === 'feed' || key === 'requirements' || key === 'mac' ? undefined : value,
    );
    expect(argv).not.toContain('"secret"');
    expect(JSON.stringify(graph)).toContain('{"secret":"key"}');
  });

  it('runs a failure hook after any failure, and the last hook in any case', () => {
    const needs = (id: string) => graph.tasks.find((task) => task.id === id)?.needs;
    expect(needs('on-failure:shop:1')).toEqual(
      ['before:shop:1', 'capture:shop', 'verify:shop:content'].map((task) => ({ task, on: 'fail' })),
    );
    expect(needs('finally:plan:1')?.every(({ on }) => on === 'done')).toBe(true);
    expect(needs('prune:shop:disk')).toEqual([
      ...['capture:shop', 'verify:shop:content'].map((task) => ({ task, on: 'ok' })),
      ...['sync:disk', 'sync:nas'].map((task) => ({ task, on: 'done' })),
    ]);
  });

  it('keeps priorities, and chooses backups by name', () => {
    const other = graph.tasks.find(({ id }) => id === 'capture:other')?.action;
    expect(other?.do === 'capture' && other.parts[0]!.produce.argv.slice(0, 6)).toEqual([
      'nice',
      '-n',
      '10',
      'ionice',
      '-c',
      '3',
    ]);
    expect(compileApply(resolved, facts, { only: ['shop'] }).tasks.some(({ id }) => id.includes('other'))).toBe(false);
  });

  it('does not prune where a plan states no retention, nor where the listing is unknown', () => {
    expect(graph.tasks.some(({ id }) => id.startsWith('prune:other'))).toBe(false);
    const blind = compilePrune(resolved, {
      ...facts,
      shelves: { disk: { unknown: 'it is down' }, nas: facts.shelves.nas! },
    });
    expect(blind.shelf.find(({ destination, backup }) => destination === 'disk' && backup === 'shop')).toMatchObject({
      digest: null,
      delete: [],
      blocked: 'its listing could not be read: it is down',
    });
  });
});

describe('the digest', () => {
  it('is the same a minute later', () => {
    const later = compileApply(resolved, { ...facts, now: new Date(facts.now.getTime() + 60_000) });
    expect(graphDigest(later)).toBe(graphDigest(graph));
  });

  it('takes the first half alone or both, and nothing else', () => {
    const digest = graphDigest(graph);
    expect(digest).toMatch(/^p1-[0-9a-f]{12}-[0-9a-f]{12}$/);
    expect(
      [digest, digest.slice(0, 15), digest.slice(0, 14), `${digest}0`].map((text) => matchesDigest(text, graph)),
    ).toEqual([true, true, false, false]);
  });

  it('changes in its first half with the plan, in its second with the shelf', () => {
    const fewer = graphDigest(compileApply({ ...resolved, backups: resolved.backups.slice(0, 1) }, facts));
    expect(fewer.split('-')[1]).not.toBe(graphDigest(graph).split('-')[1]);
    const disk = facts.shelves.disk!;
    if ('unknown' in disk) throw new Error(disk.unknown);
    const other = { ...disk, digests: { ...disk.digests, shop: 'another' } };
    const digest = graphDigest(compileApply(resolved, { ...facts, shelves: { ...facts.shelves, disk: other } }));
    expect(digest.split('-')[1]).toBe(graphDigest(graph).split('-')[1]);
    expect(digest.split('-')[2]).not.toBe(graphDigest(graph).split('-')[2]);
  });
});

describe('the preview', () => {
  it('reads like the shell lines that it is', () => {
    const text = renderText(graph);
    expect(text).toContain(
      '  $ cat ‹work›/copy.sqlite | gzip -6 -n -c | openssl enc -salt -aes-256-cbc -pbkdf2 -iter 600000 -pass fd:3 3<‹secret:key›\n',
    );
    expect(text).toContain('shop at disk: keep 1, delete 0\n  keep   ‹capture:shop.id›  ');
    expect(text).toMatch(/\ndigest p1-[0-9a-f]{12}-[0-9a-f]{12}\n$/);
  });

  it('names every task in the Mermaid chart', () => {
    const chart = renderMermaid(graph);
    expect(chart.startsWith('flowchart TD\n')).toBe(true);
    for (const { title } of graph.tasks) expect(chart).toContain(`["${title}"]`);
  });
});
