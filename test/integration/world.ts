/** A plan with real local destinations in a directory of its own, and graphs made by hand for it. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command, Stage } from '../../src/command.ts';
import { executeGraph, type RunOptions, type RunOutcome } from '../../src/execute/run.ts';
import type { Action, CapturePart, Graph, Scope, Task, VerifyPart } from '../../src/graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../../src/plan/resolved.ts';
import type { Event } from '../../src/report/events.ts';
import type { RetentionPolicy } from '../../src/retention/policy.ts';

export type CaptureAction = Extract<Action, { do: 'capture' }>;

export type World = {
  root: string;
  plan: ResolvedPlan;
  names: string[];
  /** Events of the last run. */
  events: Event[];
  run(graph: Graph, options?: Partial<RunOptions>): Promise<RunOutcome>;
  /** Path of a key at a destination. */
  at(destination: string, key?: string): string;
  /** All files at a destination but those of the run's own book-keeping, sorted. */
  files(destination: string): Promise<string[]>;
  remove(): Promise<void>;
};

export const keepEverything: RetentionPolicy = { tiers: {}, tags: [], floor: 1, weekStarts: 'monday' };
export const shell = (script: string): Command => ({ argv: ['sh', '-c', script] });

export async function makeWorld(names: string[] = ['main', 'nas'], change: Partial<ResolvedPlan> = {}): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), 'runner-world-'));
  await mkdir(join(root, 'tmp'));
  const destinations: ResolvedPlan['destinations'] = {};
  for (const name of names) {
    await mkdir(join(root, name));
    destinations[name] = { name, type: 'local', spec: { path: join(root, name) }, offSite: false, medium: 'local' };
  }
  const plan: ResolvedPlan = {
    name: 'shop',
    id: 'shop',
    claimsId: false,
    file: join(root, 'plan.yaml'),
    directory: root,
    digest: '0'.repeat(64),
    timezone: 'UTC',
    objectives: {},
    secrets: {},
    destinations,
    hooks: { before: [], after: [], onFailure: [], finally: [] },
    backups: [plannedBackup('orders', names)],
    groups: [],
    tasks: [],
    ...change,
  };
  const world: World = {
    root,
    plan,
    names,
    events: [],
    run: async (graph, options = {}) => {
      world.events = [];
      return await executeGraph(graph, plan, {
        environment: { PATH: process.env.PATH, HOME: root, TMPDIR: join(root, 'tmp') },
        signal: new AbortController().signal,
        ...options,
        emit: (event) => {
          world.events.push({ time: new Date().toISOString(), ...event } as Event);
          options.emit?.(event);
        },
      });
    },
    at: (destination, key = '') => join(root, destination, key),
    files: async (destination) => {
      const all = await readdir(join(root, destination), { recursive: true });
      const files: string[] = [];
      for (const path of all) {
        if (path.includes('/.runner/runs/') || path.includes('/.runner/lease/') || path.endsWith('/format.json'))
          continue;
        if ((await stat(join(root, destination, path))).isFile()) files.push(path);
      }
      return files.sort();
    },
    remove: () => rm(root, { recursive: true, force: true }),
  };
  return world;
}

function plannedBackup(name: string, destinations: string[]): ResolvedBackup {
  return {
    name,
    source: { name, type: 'command', spec: { run: ['true'] } },
    transforms: [],
    destinations: destinations.map((one) => ({ name: one })),
    require: destinations.length,
    retention: Object.fromEntries(destinations.map((one) => [one, keepEverything])),
    objectives: {},
    expect: {},
    verify: [{ level: 'checksum', assert: [] }],
    hooks: { before: [], after: [], onFailure: [], finally: [] },
    restore: {
      overwrite: false,
      before: [],
      assert: [],
      stop: [],
      after: [],
      safety: { destinations, within: { amount: 7, unit: 'd' } },
      options: {},
      as: {},
    },
    allow: {},
    tags: [],
  };
}

/** A capture of what `script` prints, through `stages`, to every destination of the world. */
export function captureAction(
  world: World,
  script: string,
  change: Partial<CaptureAction> = {},
  part: Partial<CapturePart> = {},
): CaptureAction {
  return {
    do: 'capture',
    backup: 'orders',
    parts: [{ ...capturePart(null, script), ...part }],
    branches: [
      {
        variant: 'main',
        stages: [],
        sinks: world.names.map((destination) => ({ destination, retention: keepEverything })),
      },
    ],
    layout: null,
    tags: [],
    timezone: 'UTC',
    require: world.names.length,
    expect: {},
    manifest: {
      plan: { name: 'shop', digest: world.plan.digest },
      source: { type: 'command', name: 'orders' },
      stages: [],
      keys: [],
      required: ['checksum'],
      purpose: 'backup',
    },
    ...change,
  };
}

/** One part of a capture: what `script` prints. */
export function capturePart(
  name: string | null,
  script: string,
  purpose: CapturePart['purpose'] = 'data',
): CapturePart {
  return {
    name,
    purpose,
    prepare: [],
    produce: shell(script),
    cleanup: [],
    plain: { unknown: true },
    extension: '.bin',
    recovery: ['cat ARTIFACT > data.bin'],
  };
}

/** The same capture with transforms between source and destinations. */
export function through(action: CaptureAction, stages: Stage[], extension = '.bin.gz'): CaptureAction {
  return {
    ...action,
    parts: action.parts.map((part) => ({ ...part, extension })),
    branches: action.branches.map((branch) => ({ ...branch, stages })),
    manifest: {
      ...action.manifest,
      stages: stages.map(() => ({ type: 'gzip', extension: '.gz', parameters: {} })),
    },
  };
}

export function task(id: string, action: Action, needs: Task['needs'] = [], change: Partial<Task> = {}): Task {
  return { id, title: id, host: 'local', within: [], needs, action, outputs: [], backup: 'orders', ...change };
}

export const ok = (name: string): Task['needs'] => [{ task: name, on: 'ok' }];

export function graphOf(
  command: Graph['command'],
  tasks: Task[],
  scopes: Scope[] = [],
  shelf: Graph['shelf'] = [],
): Graph {
  return { format: 'runner/graph@1', plan: { name: 'shop', digest: '0'.repeat(64) }, command, tasks, scopes, shelf };
}

export function leases(world: World): Scope[] {
  return world.names.map((destination) => ({
    id: `lease:${destination}`,
    host: 'local',
    acquire: { do: 'lease', destination },
    release: { do: 'release-lease', destination },
    outputs: [],
  }));
}

export const workScope = (id = 'work'): Scope => ({
  id,
  host: 'local',
  acquire: { do: 'directory' },
  release: { do: 'remove-directory' },
  outputs: ['path'],
});

/** What `runner apply` would do: preflight, settle, capture, then `more`. */
export function applyGraph(world: World, action: CaptureAction, more: Task[] = [], shelf: Graph['shelf'] = []): Graph {
  const held = world.names.map((name) => `lease:${name}`);
  const settles = world.names.map((destination) => {
    const { backup: _, ...settle } = task(
      `settle:${destination}`,
      { do: 'settle', destination, backups: ['orders'] },
      ok('preflight'),
    );
    return { ...settle, within: [`lease:${destination}`] };
  });
  const requirements = world.names.map((destination) => ({
    need: 'destination' as const,
    destination,
    why: 'backups',
  }));
  const { backup: _, ...preflight } = task('preflight', { do: 'preflight', requirements });
  const needs: Task['needs'] = [...ok('preflight'), ...settles.map(({ id }) => ({ task: id, on: 'done' as const }))];
  const outputs = ['id', 'key', 'size', 'sha256', 'tier', 'error'];
  const capture = task('capture', action, needs, { within: [...held, 'work'], outputs });
  return graphOf('apply', [preflight, ...settles, capture, ...more], [...leases(world), workScope()], shelf);
}

export function verifyTask(
  world: World,
  level: 'checksum' | 'content' | 'restore',
  id: string | { out: 'capture.id' },
  change: Partial<Extract<Action, { do: 'verify' }> & VerifyPart> = {},
  needs: Task['needs'] = [],
): Task {
  const { decode = [], recipe = { intake: { discard: true } }, assert = [], missing, ...rest } = change;
  const part: VerifyPart = { name: null, purpose: 'data', decode, recipe, assert, ...(missing ? { missing } : {}) };
  const action: Action = {
    do: 'verify',
    level,
    backup: 'orders',
    id,
    destinations: world.names,
    parts: level === 'checksum' ? [] : [part],
    ...rest,
  };
  return task(`verify:${level}`, action, needs, { within: ['work'] });
}

export async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8'));
}
