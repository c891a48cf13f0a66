import { hostname } from 'node:os';
import { newNonce, stampOf } from '../catalog/identity.ts';
import { planKeys } from '../catalog/keys.ts';
import type { Destination, Opening } from '../destination.ts';
import { ExitCode } from '../diagnostic.ts';
import type { Graph } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Emit } from '../report/events.ts';
import type { RunContext } from './actions/context.ts';
import { textOf } from './actions/errors.ts';
import { backupOutcomes, exitCodeOf } from './actions/outcome.ts';
import { performer, refuseUnfit } from './actions/perform.ts';
import { openPlaces } from './actions/places.ts';
import { type BackupOutcome, type RunRecord, runRecord } from './actions/record.ts';
import type { Stored } from './actions/room.ts';
import { runnerVersion } from './actions/version.ts';
import { openConnections } from './connections.ts';
import { startGuard } from './guard.ts';
import { type GraphResults, runGraph } from './schedule.ts';
import { secretReader } from './secrets.ts';

export type { BackupOutcome, RunRecord } from './actions/record.ts';

export type RunOptions = {
  /** The runner's own environment. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Aborting it undoes what is unfinished. A reason that names SIGTERM gives exit code 143, any other 130. */
  signal: AbortSignal;
  emit: Emit;
  /** Asks a person; absent where there is no terminal. */
  confirm?: (text: string) => Promise<boolean>;
  /** Seconds to wait for another run's lease; default 0. */
  lockTimeout?: number;
  /** Tasks at a time; default 2. */
  parallelism?: number;
  /** Used as they are and left open; others are opened as the plan says. */
  destinations?: Readonly<Record<string, Destination>>;
  /** What was found on PATH before the graph was compiled: manifests record the versions. */
  programs?: Facts['programs'];
  /** What lies at the destinations, for their quotas; a destination that is not named is not limited. */
  stored?: Stored;
  /** What the run has told so far, for a person: kept beside its record. */
  log?: () => string;
  /** With which credentials destinations are opened; default `use`. */
  purpose?: Opening['purpose'];
};

export type RunOutcome = {
  run: string;
  exitCode: ExitCode;
  backups: BackupOutcome[];
  results: GraphResults['results'];
  bindings: Record<string, string>;
  record: RunRecord;
};

/** `20261121T020000Z-k3x9qd`: names one run, and every process and file of it. */
export function newRunId(started: Date = new Date()): string {
  return `${stampOf(started)}-${newNonce()}`;
}

/** Does what a graph says, to its end. Never rejects for what a task does: the exit code and the record tell. */
export async function executeGraph(graph: Graph, plan: ResolvedPlan, options: RunOptions): Promise<RunOutcome> {
  const started = new Date();
  const run = newRunId(started);
  const context = startRun(run, graph, plan, options);
  const emit: Emit = (event) => {
    const hasMessage = 'message' in event && event.message !== undefined;
    options.emit(hasMessage ? { ...event, message: context.secrets.redact(event.message!) } : event);
  };
  try {
    const tasks = graph.tasks.map(({ id, title }) => ({ id, title }));
    emit({ event: 'run-started', run, plan: plan.name, command: graph.command, tasks });
    const results = await runGraph(graph, performer(context), {
      parallelism: options.parallelism ?? 2,
      signal: options.signal,
      emit,
      bindings: { 'run.id': run },
      admit: (task) => refuseUnfit(context, task),
      redact: context.secrets.redact,
    });
    const backups = backupOutcomes(graph, results);
    const exitCode = exitCodeOf(graph, results, backups, options.signal);
    const { commands } = context;
    const host = hostname();
    const record = runRecord({
      run,
      graph,
      host,
      runner: runnerVersion,
      started,
      exitCode,
      backups,
      results,
      commands,
    });
    if (exitCode !== ExitCode.usage && exitCode !== ExitCode.locked)
      await keepRecord(record, options.log?.() ?? null, context, emit);
    const seconds = (Date.now() - started.getTime()) / 1000;
    emit({ event: 'run-finished', run, exitCode, outcome: outcomeWord(exitCode), seconds });
    return { run, exitCode, backups, results: results.results, bindings: results.bindings, record };
  } finally {
    await context.places.close();
    await context.connections.close();
    await context.guard.end();
  }
}

function startRun(run: string, graph: Graph, plan: ResolvedPlan, options: RunOptions): RunContext {
  const { environment, emit, purpose = 'use' } = options;
  const warn = (message: string) => emit({ event: 'notice', level: 'warning', message });
  const secrets = secretReader(plan.secrets, { directory: plan.directory, environment, warn });
  const { directory } = plan;
  const guard = startGuard(run);
  const connections = openConnections({ environment, directory, guard, shared: true });
  return {
    run,
    graph,
    plan,
    secrets,
    host: { environment, readSecret: secrets.read, runId: run, directory, connections },
    guard,
    connections,
    places: openPlaces(plan, { readSecret: secrets.read, environment, purpose }, options.destinations ?? {}),
    programs: options.programs ?? {},
    confirm: options.confirm ?? null,
    lockTimeout: options.lockTimeout ?? 0,
    stored: options.stored ?? { at: new Map(), expected: new Map() },
    leases: new Map(),
    thinned: new Set(),
    anomalies: new Map(),
    unfit: new Map(),
    sets: new Map(),
    admitted: new Map(),
    swapped: new Map(),
    commands: [],
    held: new Map(),
  };
}

/** The record is a help, not a proof: where it cannot be kept, the run is as good without it. */
async function keepRecord(record: RunRecord, log: string | null, context: RunContext, emit: Emit): Promise<void> {
  const { places, plan } = context;
  const files = [
    { key: planKeys.run(plan.name, record.run), text: `${JSON.stringify(record, null, 2)}\n` },
    ...(log === null ? [] : [{ key: planKeys.runLog(plan.name, record.run), text: log }]),
  ];
  // What needs no destination, such as a task, opens none.
  if ((await places.reachable()).length === 0 && record.command === 'apply')
    await Promise.allSettled(Object.keys(plan.destinations).map(places.open));
  for (const destination of await places.reachable()) {
    try {
      for (const { key, text } of files) await destination.write(key, Buffer.from(text));
    } catch (error) {
      const message = `the record of this run could not be kept at "${destination.name}": ${textOf(error)}`;
      emit({ event: 'notice', level: 'warning', message });
    }
  }
}

function outcomeWord(exitCode: ExitCode): string {
  switch (exitCode) {
    case ExitCode.success:
      return 'success';
    case ExitCode.partial:
      return 'partial';
    case ExitCode.usage:
      return 'not started';
    case ExitCode.locked:
      return 'locked';
    case ExitCode.interrupted:
    case ExitCode.terminated:
      return 'interrupted';
    default:
      return 'failure';
  }
}
