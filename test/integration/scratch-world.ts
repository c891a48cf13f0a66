/** Backups of real sources as a plan says them, from the facts to the end of the run, in this process. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../src/catalog/format.ts';
import type { Host } from '../../src/commands/command.ts';
import { rowsOf } from '../../src/commands/rows.ts';
import { withShelves } from '../../src/commands/shelves.ts';
import { choiceOf } from '../../src/commands/verify-choice.ts';
import type { RunFacts } from '../../src/compile/facts.ts';
import { compileApply, compileVerify } from '../../src/compile/index.ts';
import { executeGraph, type RunOptions, type RunOutcome } from '../../src/execute/run.ts';
import { readFacts } from '../../src/facts.ts';
import type { Graph, Level } from '../../src/graph.ts';
import { readPlan } from '../../src/plan/read.ts';
import type { ResolvedPlan } from '../../src/plan/resolved.ts';
import type { Event } from '../../src/report/events.ts';

export type ScratchWorld = {
  root: string;
  environment: Record<string, string>;
  events: Event[];
  plan(text: string): Promise<ResolvedPlan>;
  facts(plan: ResolvedPlan): Promise<RunFacts>;
  apply(text: string, change?: (facts: RunFacts) => RunFacts, options?: Partial<RunOptions>): Promise<RunOutcome>;
  /** The newest backup of the first entry. */
  verify(text: string, level: Level, change?: (facts: RunFacts) => RunFacts): Promise<RunOutcome>;
  run(plan: ResolvedPlan, graph: Graph, options?: Partial<RunOptions>): Promise<RunOutcome>;
  manifest(): Manifest;
  /** What was found of backups: `restore-pass`. */
  findings(): string[];
  /** What lies where temporary things are made. */
  left(): string[];
  remove(): void;
};

export function makeScratchWorld(environment: Record<string, string> = {}): ScratchWorld {
  const root = mkdtempSync(join(tmpdir(), 'runner-scratch-'));
  // The scratch user must reach what lies below.
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'tmp'), { mode: 0o755 });
  mkdirSync(join(root, 'disk'));
  const env = { PATH: process.env.PATH!, HOME: root, TMPDIR: join(root, 'tmp'), ...environment };
  const files = () => readdirSync(join(root, 'disk'), { recursive: true, encoding: 'utf8' });
  const same = (facts: RunFacts) => facts;
  const world: ScratchWorld = {
    root,
    environment: env,
    events: [],
    plan: async (text) => {
      const file = join(root, 'plan.yaml');
      writeFileSync(file, `version: 1\nname: shop\ndestinations: { disk: { type: local, path: disk } }\n${text}`);
      return (await readPlan(file, { environment: env })).resolved;
    },
    facts: (plan) => readFacts(plan, { environment: env, survey: true }),
    apply: async (text, change = same, options = {}) => {
      const plan = await world.plan(text);
      return await world.run(plan, compileApply(plan, change(await world.facts(plan))), options);
    },
    verify: async (text, level, change = same) => {
      const plan = await world.plan(text);
      const terminal = { say: () => {}, data: () => {} } as unknown as Host['terminal'];
      const host: Host = { terminal, environment: env, signal: new AbortController().signal };
      const choice = await withShelves(plan, ['disk'], null, host, async (shelves) => {
        const rows = await rowsOf(plan, shelves);
        return await choiceOf(plan, rows.at(-1)!, shelves.places, () => {});
      });
      const facts = change(await readFacts(plan, { environment: env }));
      return await world.run(plan, compileVerify(plan, facts, { choices: [choice!], level }));
    },
    run: async (plan, graph, options = {}) => {
      world.events = [];
      return await executeGraph(graph, plan, {
        environment: env,
        signal: new AbortController().signal,
        ...options,
        emit: (event) => void world.events.push({ time: '', ...event } as Event),
      });
    },
    manifest: () => {
      const names = files().filter((file) => file.endsWith('.manifest.json'));
      return JSON.parse(readFileSync(join(root, 'disk', names.toSorted().at(-1)!), 'utf8'));
    },
    findings: () =>
      files()
        .flatMap((file) => /\.(\w+-(?:pass|fail))-/.exec(file)?.slice(1) ?? [])
        .toSorted(),
    left: () => readdirSync(join(root, 'tmp')),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  return world;
}
