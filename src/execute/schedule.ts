import type { Lookup } from '../bind.ts';
import type { Action, Graph, ScopeId, Task, TaskId } from '../graph.ts';
import type { Emit, TaskOutcome } from '../report/events.ts';

export type TaskResult = { outcome: TaskOutcome; message?: string; error?: Error; seconds: number };

export type PerformContext = {
  /** The task's id, or the scope's for its acquire and release. */
  id: string;
  /** Null for a scope's acquire and release. */
  task: Task | null;
  /** Outermost first; for a scope's acquire and release, the scope itself is not among them. */
  within: readonly ScopeId[];
  lookup: Lookup;
  outcome(task: TaskId): TaskResult | undefined;
  signal: AbortSignal;
  emit: Emit;
};

export type Performed = { outputs?: Record<string, string>; outcome?: 'ok' | 'warned' | 'partial'; message?: string };

export type Perform = (action: Action, context: PerformContext) => Promise<Performed>;

export type RunGraphOptions = {
  parallelism: number;
  signal: AbortSignal;
  emit: Emit;
  /** Bound before anything runs: `run.id`. */
  bindings?: Readonly<Record<string, string>>;
  /** Applied to every error message before it is bound, recorded or told. */
  redact?(text: string): string;
};

export type GraphResults = {
  results: Map<TaskId, TaskResult>;
  bindings: Record<string, string>;
  /** Scopes whose acquire or release failed. */
  scopes: Map<ScopeId, TaskResult>;
};

/** Runs a graph to its end. Never rejects for what a task does. */
export async function runGraph(_graph: Graph, _perform: Perform, _options: RunGraphOptions): Promise<GraphResults> {
  throw new Error('not built yet');
}
