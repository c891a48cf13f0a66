import { Format } from '../../catalog/format.ts';
import type { Graph } from '../../graph.ts';
import type { TaskOutcome } from '../../report/events.ts';
import type { GraphResults } from '../schedule.ts';

/** One program that was started: `argv` is the graph's, bound. Secrets are never part of it. */
export type CommandEntry = {
  task: string;
  argv: string[];
  exitCode: number | null;
  signal: string | null;
  seconds: number;
};

/** How one entry of `backups` fared in a run. */
export type BackupOutcome = {
  name: string;
  outcome: 'ok' | 'partial' | 'failed' | 'skipped';
  id?: string;
  message?: string;
};

/** What is kept of a run at each destination, as `.runner/runs/<run>.json`. Times are RFC 3339 UTC. */
export type RunRecord = {
  format: typeof Format.run;
  run: string;
  plan: { name: string; digest: string };
  command: Graph['command'];
  host: string;
  runner: string;
  started: string;
  finished: string;
  exitCode: number;
  /** `destinations`: where the copies of what was made were to lie. What is missing somewhere later is known by this. */
  backups: (BackupOutcome & { destinations?: string[] })[];
  tasks: { id: string; outcome: TaskOutcome; seconds: number; message?: string }[];
  scopes: { id: string; outcome: TaskOutcome; seconds: number; message?: string }[];
  /** With the graph they give every `argv` below. */
  bindings: Record<string, string>;
  commands: CommandEntry[];
};

export type RecordFacts = {
  run: string;
  graph: Graph;
  host: string;
  runner: string;
  started: Date;
  exitCode: number;
  backups: BackupOutcome[];
  results: GraphResults;
  commands: CommandEntry[];
};

/** The record of a run that has ended now. */
export function runRecord(facts: RecordFacts): RunRecord {
  const { graph, results } = facts;
  const rows = (entries: GraphResults['results']) =>
    [...entries].map(([id, { outcome, seconds, message }]) => ({
      id,
      outcome,
      seconds,
      ...(message === undefined ? {} : { message }),
    }));
  return {
    format: Format.run,
    run: facts.run,
    plan: graph.plan,
    command: graph.command,
    host: facts.host,
    runner: facts.runner,
    started: facts.started.toISOString(),
    finished: new Date().toISOString(),
    exitCode: facts.exitCode,
    backups: facts.backups.map((row) => ({ ...row, ...sentTo(graph, row.name) })),
    tasks: rows(results.results),
    scopes: rows(results.scopes),
    bindings: results.bindings,
    commands: facts.commands,
  };
}

function sentTo({ tasks }: Graph, backup: string): { destinations?: string[] } {
  const sinks = tasks.flatMap(({ action }) =>
    action.do === 'capture' && action.backup === backup ? action.branches.flatMap((branch) => branch.sinks) : [],
  );
  return sinks.length === 0 ? {} : { destinations: sinks.map(({ destination }) => destination) };
}
