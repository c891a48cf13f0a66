import { RunnerError } from '../diagnostic.ts';
import type { Graph, Scope, ScopeId, Task } from '../graph.ts';
import { asRunnerError } from './blame.ts';
import type { Perform, PerformContext, Performed, TaskResult } from './task-context.ts';

/** What a scope needs of the scheduler. */
export type ScopeHost = {
  perform: Perform;
  /** Context for an action of a scope: its id, the scopes around it and a signal. */
  context(scope: Scope, within: readonly ScopeId[], signal: AbortSignal): PerformContext;
  bind(id: string, performed: Performed): void;
  /** An acquire, a release or a hold failed. */
  failed(scope: Scope, what: string, error: RunnerError): void;
};

type Held = {
  scope: Scope;
  within: readonly ScopeId[];
  /** Tasks inside that have not ended. */
  remaining: number;
  acquired: Promise<void> | null;
  isHeld: boolean;
  wasHeld: boolean;
  released: Promise<void> | null;
  /** Aborted when it was held too long. */
  overdue: AbortController;
  timer: NodeJS.Timeout | undefined;
  result: TaskResult | null;
  close: () => void;
  closed: Promise<void>;
};

const longestTimer = 2 ** 31 - 1;

/**
 * The scopes of one run: acquired before their first task, outermost first, and released behind their last one, innermost
 * first, also after failures and interruptions. A release is never aborted.
 */
export class Scopes {
  private readonly held = new Map<ScopeId, Held>();

  constructor(
    graph: Graph,
    private readonly host: ScopeHost,
  ) {
    for (const scope of graph.scopes) {
      const inside = graph.tasks.filter((task) => task.within.includes(scope.id));
      const around = inside[0]?.within ?? [];
      const { promise, resolve } = later();
      this.held.set(scope.id, {
        scope,
        within: around.slice(0, around.indexOf(scope.id)),
        remaining: inside.length,
        acquired: null,
        isHeld: false,
        wasHeld: false,
        released: null,
        overdue: new AbortController(),
        timer: undefined,
        result: null,
        close: resolve,
        closed: promise,
      });
      if (inside.length === 0) resolve();
    }
  }

  has(id: string): boolean {
    return this.held.has(id);
  }

  /** Resolves when the scope is over: released, or never needed. */
  async over(id: ScopeId): Promise<'ok' | 'failed' | 'skipped'> {
    const held = this.of(id);
    await held.closed;
    if (held.result !== null) return 'failed';
    return held.wasHeld ? 'ok' : 'skipped';
  }

  /** Every scope of the task is held already, so that running it would start nothing new. */
  allHeld(task: Task): boolean {
    return task.within.every((id) => this.of(id).isHeld);
  }

  /** Acquires what the task runs in. Rejects with why one of them is not to be had. */
  async enter(task: Task, signal: AbortSignal): Promise<void> {
    for (const id of task.within) {
      const held = this.of(id);
      held.acquired ??= this.acquire(held, signal);
      await held.acquired;
      held.overdue.signal.throwIfAborted();
    }
  }

  /** Aborted when a scope of the task was held too long. */
  limits(task: Task): AbortSignal[] {
    return task.within.map((id) => this.of(id).overdue.signal);
  }

  /** The task has ended, or will never start: what it was the last one in is released. */
  async leave(task: Task): Promise<void> {
    for (const id of [...task.within].reverse()) {
      const held = this.of(id);
      held.remaining -= 1;
      if (held.remaining > 0) continue;
      await this.release(held);
      held.close();
    }
  }

  failures(): Map<ScopeId, TaskResult> {
    const failures = new Map<ScopeId, TaskResult>();
    for (const [id, { result }] of this.held) if (result !== null) failures.set(id, result);
    return failures;
  }

  private of(id: ScopeId): Held {
    const held = this.held.get(id);
    if (held === undefined) throw new Error(`The graph has no scope "${id}".`);
    return held;
  }

  private async acquire(held: Held, signal: AbortSignal): Promise<void> {
    const { scope, within } = held;
    const began = performance.now();
    try {
      signal.throwIfAborted();
      const performed = await this.host.perform(scope.acquire, this.host.context(scope, within, signal));
      this.host.bind(scope.id, performed);
      held.isHeld = true;
      held.wasHeld = true;
    } catch (error) {
      if (!signal.aborted) this.fail(held, 'acquired', asRunnerError(error), began);
      throw error;
    }
    if (scope.maxHold === undefined) return;
    held.timer = setTimeout(() => this.expire(held), Math.min(scope.maxHold * 1000, longestTimer));
  }

  private expire(held: Held): void {
    const error = new RunnerError(`"${held.scope.id}" was held longer than its limit of ${held.scope.maxHold} s.`);
    held.overdue.abort(error);
    this.fail(held, 'held', error, performance.now());
    // What waits outside matters more than the tasks inside, which are being ended.
    void this.release(held);
  }

  private release(held: Held): Promise<void> {
    clearTimeout(held.timer);
    if (!held.isHeld) return Promise.resolve();
    held.released ??= this.performRelease(held);
    return held.released;
  }

  private async performRelease(held: Held): Promise<void> {
    const began = performance.now();
    try {
      const context = this.host.context(held.scope, held.within, new AbortController().signal);
      await this.host.perform(held.scope.release, context);
    } catch (error) {
      this.fail(held, 'released', asRunnerError(error), began);
    }
    held.isHeld = false;
  }

  private fail(held: Held, what: string, error: RunnerError, began: number): void {
    const seconds = (performance.now() - began) / 1000;
    held.result ??= { outcome: 'failed', message: error.message, error, seconds };
    this.host.failed(held.scope, what, error);
  }
}

function later(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
