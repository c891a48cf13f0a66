/** What an action is given and what it gives back. */
import type { Lookup } from '../bind.ts';
import type { Action, ScopeId, Task, TaskId } from '../graph.ts';
import type { Emit, TaskOutcome } from '../report/events.ts';

/** `isCut`: skipped because the run was interrupted, and for no other reason. */
export type TaskResult = { outcome: TaskOutcome; message?: string; error?: Error; seconds: number; isCut?: true };

export type PerformContext = {
  /** The task's id, or the scope's for its acquire and release. */
  id: string;
  /** Null for a scope's acquire and release. */
  task: Task | null;
  /** Outermost first; for a scope's acquire and release, the scopes around it. */
  within: readonly ScopeId[];
  lookup: Lookup;
  outcome(task: TaskId): TaskResult | undefined;
  /** Aborted by an interruption, the task's timeout or a scope held too long. A release's never is. */
  signal: AbortSignal;
  emit: Emit;
};

export type Performed = { outputs?: Record<string, string>; outcome?: 'ok' | 'warned' | 'partial'; message?: string };

export type Perform = (action: Action, context: PerformContext) => Promise<Performed>;
