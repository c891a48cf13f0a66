/** Everything that a plan leads to: what is found wrong, what is promised, what would be done, what secrets it reads. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountsOf } from '../../src/accounts/estimate.ts';
import { accountsText } from '../../src/accounts/text.ts';
import type { Manifest } from '../../src/catalog/format.ts';
import { debts, taskDebts } from '../../src/commands/due.ts';
import { asRestorer } from '../../src/commands/restore.ts';
import { restoreTarget } from '../../src/commands/target.ts';
import { sealingChain } from '../../src/compile/chain.ts';
import { inspectionKey, type RunFacts, type SourceFacts } from '../../src/compile/facts.ts';
import { compileApply, compilePrune, compileRestore, compileVerify } from '../../src/compile/index.ts';
import { RunnerError } from '../../src/diagnostic.ts';
import { secretReader } from '../../src/execute/secrets.ts';
import type { Graph } from '../../src/graph.ts';
import type { Inspection, Survey } from '../../src/kind.ts';
import { promises } from '../../src/plan/config.ts';
import { readPlan } from '../../src/plan/read.ts';
import type { ResolvedBackup, ResolvedPlan } from '../../src/plan/resolved.ts';
import { findSource, findTransform } from '../../src/registry.ts';
import type { Item } from '../../src/retention/decide.ts';
import { environment } from './leaves-plan.ts';

/** `refused`: it is no valid plan, by its schema or by a rule. `parts` are texts of all that can be seen. */
export type Observation = { refused: 'schema' | 'rule' | null; parts: AsyncIterable<string> };

const now = new Date('2026-11-21T12:30:00Z');
const names = ['age', 'gpg', 'gzip', 'openssl', 'pigz', 'sqlite3', 'tar', 'xz', 'zstd'];
const version: Record<string, string> = { tar: 'tar (GNU tar) 1.35', sqlite3: '3.45.1', openssl: 'OpenSSL 3.0.13' };
const program = (name: string, line: string) => [name, { path: `/usr/bin/${name}`, version: line }] as const;
const toolsOfServers = Object.fromEntries([
  ...['pg_dump', 'pg_dumpall', 'pg_restore', 'psql', 'postgres', 'initdb'].map((name) =>
    program(name, `${name} (PostgreSQL) 15.18`),
  ),
  ...['mysql', 'mysqldump', 'mysqld'].map((name) => program(name, `${name}  Ver 9.7.4 for Linux (MySQL Community)`)),
  ...['mariadb', 'mariadb-dump', 'mariadbd'].map((name) => program(name, `${name} Ver 15.1 Distrib 10.11.19-MariaDB`)),
  ...['redis-cli', 'redis-server', 'redis-check-rdb'].map((name) => program(name, `${name} 7.0.15`)),
  ...['mongodump', 'mongorestore', 'mongod'].map((name) => program(name, `${name} version: 100.18.0`)),
]);
const programs = {
  ...Object.fromEntries(names.map((name) => program(name, version[name] ?? `${name} 1.0`))),
  ...toolsOfServers,
};
const installedOf = (all: typeof programs) =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, [one!]]));

/** What each server said of itself: several databases, and a user who may read them. */
function surveyOf(type: string): Survey | undefined {
  const databases = ['shop', 'stock', 'orders', 'alpha', 'ab', 'a', 'b', 'other'];
  if (type === 'postgres') {
    const rows = databases.map((datname) => ({ datname, datallowconn: true, datistemplate: false, encoding: 'UTF8' }));
    const data = { number: 150018, database: 'shop', databases: rows, user: 'backup', recovery: false, watch: {} };
    return { version: '15.18', data };
  }
  if (type === 'mysql' || type === 'mariadb') {
    const named = databases.map((name) => ({ name, collation: 'utf8mb4_bin' }));
    const data = {
      flavour: type,
      account: 'backup@%',
      current: 'shop',
      encrypted: true,
      variables: {},
      databases: named,
    };
    return {
      version: type === 'mysql' ? '9.7.4' : '10.11.19',
      data: { ...data, grants: ['GRANT ALL PRIVILEGES ON *.* TO `backup`@`%`'] },
    };
  }
  return undefined;
}

function sourceOf({ source: { type } }: ResolvedBackup): SourceFacts {
  const survey = surveyOf(type);
  return { site: { programs, installed: installedOf(programs) }, ...(survey ? { survey } : {}), problems: [] };
}

export async function observe(plan: unknown, folder: string): Promise<Observation> {
  const file = join(folder, 'plan.yaml');
  await writeFile(file, JSON.stringify(plan));
  try {
    const { resolved, warnings } = await readPlan(file, { environment: environment(folder) });
    const told = warnings.map(({ rule, message }) => `${rule}: ${message}`);
    return { refused: null, parts: partsOf(resolved, told) };
  } catch (error) {
    if (!(error instanceof RunnerError) || error.diagnostics.length === 0) throw error;
    const told = error.diagnostics.map(({ rule, message }) => `${rule}: ${message}`);
    const isSchema = error.diagnostics.some(({ rule }) => rule === 'schema');
    return { refused: isSchema ? 'schema' : 'rule', parts: texts([told]) };
  }
}

async function* texts(values: unknown[]): AsyncGenerator<string> {
  for (const value of values) yield JSON.stringify(value);
}

/** The first that differs is enough to know, so nothing is made before it is asked for. */
async function* partsOf(plan: ResolvedPlan, warnings: string[]): AsyncGenerator<string> {
  try {
    yield* everyPart(plan, warnings);
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    yield error.message;
  }
}

async function* everyPart(plan: ResolvedPlan, warnings: string[]): AsyncGenerator<string> {
  yield* texts([warnings, promises(plan)]);
  const facts = await factsOf(plan);
  const graph = compileApply(plan, facts, {
    only: plan.backups.map(({ name }) => name),
    tasks: plan.tasks.map(({ name }) => name),
  });
  yield textOf(graph, plan);
  const choices = plan.backups.map((backup) => ({
    backup: backup.name,
    id: idOf(backup.name, now),
    manifest: manifestOf(backup, facts),
    destinations: backup.destinations.map(({ name }) => name),
  }));
  const restorer = asRestorer(plan);
  for (const choice of choices) {
    const backup = restorer.backups.find(({ name }) => name === choice.backup)!;
    yield await restore(restorer, backup, choice, facts);
  }
  yield textOf(compileVerify(plan, facts, { choices }), plan);
  yield textOf(compilePrune(plan, facts), plan);
  yield* texts([
    await debts(plan.backups, plan.timezone, [], now),
    await taskDebts(plan.tasks, plan, [], now),
    await secrets(plan),
  ]);
  yield accountsText(accountsOf(plan, facts, graph));
}

/** Without what only repeats the plan: its digest; and a retention and a zone must be seen in what they decide. */
function textOf({ tasks, ...graph }: Graph, { digest }: ResolvedPlan): string {
  const told = tasks.map((task) => {
    const action = { ...task.action } as Record<string, unknown>;
    delete action.policy;
    delete action.timezone;
    if (task.action.do === 'capture')
      action.branches = task.action.branches.map(({ sinks, ...branch }) => ({
        ...branch,
        sinks: sinks.map(({ retention: _, ...sink }) => sink),
      }));
    return { ...task, action };
  });
  return JSON.stringify({ ...graph, tasks: told }).replaceAll(digest, '');
}

type Chosen = { backup: string; id: string; manifest: Manifest; destinations: string[] };

async function restore(plan: ResolvedPlan, backup: ResolvedBackup, chosen: Chosen, facts: RunFacts): Promise<string> {
  try {
    const to = backup.restore.to === undefined && backup.source.type === 'command' ? '/tmp/feed.out' : undefined;
    const isDatabase = findSource(backup.source.type).restores(backup.source.spec) === 'database';
    const target = isDatabase
      ? databaseTarget(backup)
      : await restoreTarget(plan, backup, backup.source.spec.restore ? undefined : to);
    const from = { destination: chosen.destinations[0]! };
    const part = { name: null, purpose: 'data' as const };
    const piece = { ...target, part, source: backup.source, safety: target.replaces, only: [] };
    return textOf(compileRestore(plan, facts, [{ ...chosen, from, live: true, pieces: [piece] }]), plan);
  } catch (error) {
    if (error instanceof RunnerError) return error.message;
    throw error;
  }
}

/** What a server would be asked for. */
function databaseTarget({ restore }: ResolvedBackup) {
  const target = restore.to ?? 'shop';
  return {
    target,
    live: true,
    replaces: true,
    empty: false,
    beside: `${target}_new`,
    stale: false,
    aside: `${target}_old`,
  };
}

const inspections = new Map<string, Promise<Inspection>>();

async function factsOf(plan: ResolvedPlan): Promise<RunFacts> {
  const found: Record<string, Inspection> = {};
  for (const backup of plan.backups) {
    for (const [index, { type, spec }] of backup.transforms.entries()) {
      const kind = findTransform(type);
      if (!kind.inspect) continue;
      const key = JSON.stringify([type, spec]);
      const inspection = inspections.get(key) ?? kind.inspect(spec, (path) => readFile(path));
      inspections.set(key, inspection);
      found[inspectionKey(backup.name, index)] = await inspection;
    }
  }
  const shelves = Object.fromEntries(
    Object.keys(plan.destinations).map((name) => {
      const items = Object.fromEntries(plan.backups.map((backup) => [backup.name, history(backup)]));
      const all = Object.entries(items).flatMap(([backup, own]) => own.map(({ id, time }) => ({ id, time, backup })));
      const sizes = Object.fromEntries(all.map(({ id }) => [id, 3_000_000_000]));
      return [name, { shelf: { entries: all } as never, items, digests: {}, blocked: {}, sizes }];
    }),
  );
  const images = { 'postgres:15': { programs: toolsOfServers, installed: installedOf(toolsOfServers) } };
  const sources = Object.fromEntries(plan.backups.map((backup) => [backup.name, sourceOf(backup)]));
  return { programs, installed: installedOf(programs), inspections: found, shelves, sources, images, now };
}

const histories = new Map<string, Item[]>();

function history({ name, tags }: ResolvedBackup): Item[] {
  const key = `${name} ${tags}`;
  if (!histories.has(key)) histories.set(key, makeHistory(name, tags));
  return histories.get(key)!;
}

/** Backups at odd hours: many of the last days, fewer of the last years. Some carry tags. */
function makeHistory(name: string, tags: string[]): Item[] {
  const range = (length: number, first: number, step: number) =>
    Array.from({ length }, (_, index) => first + index * step);
  return [...range(60, 1, 1), ...range(40, 61, 17), ...range(60, 741, 400)].map((hours, index) => {
    const time = new Date(now.getTime() - hours * 3_600_000);
    const old = index % 9 === 0 ? ['blue'] : index % 7 === 0 ? ['keep'] : [];
    return { id: idOf(name, time), time, good: true, tags: [...(hours > 100 ? [] : tags), ...old] };
  });
}

function idOf(backup: string, time: Date): string {
  return `${backup}-${time.toISOString().replace(/[-:]|\.\d+/g, '')}-abcdef`;
}

function manifestOf(backup: ResolvedBackup, facts: RunFacts): Manifest {
  const { records } = sealingChain(backup, facts, facts.inspections);
  const id = idOf(backup.name, now);
  const { type, spec } = backup.source;
  const extensions = [findSource(type).extension(spec), ...records.map(({ extension }) => extension)];
  const artifact = { purpose: 'data', variant: 'main', key: `rich/${id}${extensions.join('')}`, stages: records };
  return { id, source: { type, name: null, argv: [] }, artifacts: [artifact] } as unknown as Manifest;
}

const read = new Map<string, Promise<unknown>>();

/** What each secret gives, or why it gives nothing. */
async function secrets(plan: ResolvedPlan): Promise<unknown> {
  const key = JSON.stringify(plan.secrets);
  if (read.has(key)) return read.get(key);
  const reader = secretReader(plan.secrets, { directory: plan.directory, environment: environment(plan.directory) });
  const all = Object.keys(plan.secrets).map(async (name) => [
    name,
    await reader.read(name).catch((error: Error) => error.message),
  ]);
  read.set(key, Promise.all(all));
  return read.get(key);
}
