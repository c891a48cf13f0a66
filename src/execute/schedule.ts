import type { Graph, ScopeId, Task, TaskId } from '../graph.ts';
import type { Emit, TaskOutcome } from '../report/events.ts';
import { attempt } from './attempt.ts';
import { asRunnerError } from './blame.ts';
import { lookupWithin } from './lookup.ts';
import { Scopes } from './scopes.ts';
import { Slots } from './slots.ts';
import type { Perform, PerformContext, Performed, TaskResult } from './task-context.ts';

export type RunGraphOptions = {
  parallelism: number;
  signal: AbortSignal;
  emit: Emit;
  /** Bound before anything runs: `run.id`. */
  bindings?: Readonly<Record<string, string>>;
  /** Throws why a task must not begin: asked before its scopes are entered. */
  admit?(task: Task): void;
  /** Applied to every error message before it is bound, recorded or told. */
  redact?(text: string): string;
};

export type GraphResults = {
  results: Map<TaskId, TaskResult>;
  bindings: Record<string, string>;
  /** Scopes whose acquire, hold or release failed. */
  scopes: Map<ScopeId, TaskResult>;
};

/** A last step that still runs after an interruption must not keep the person waiting. */
const lastStepSeconds = 60;

/**
 * Runs a graph to its end; never rejects for what a task does. A task starts when its needs are met and a slot is free,
 * and is skipped as soon as they cannot be met any more. On interruption running tasks are aborted and the others
 * skipped; scopes are still released, and so are steps run that need others only to be `done` (the `finally` hooks), where
 * the scopes that they stand in are held already, each for 60 s at most.
 */
export async function runGraph(graph: Graph, perform: Perform, options: RunGraphOptions): Promise<GraphResults> {
  return await new Run(graph, perform, options).run();
}

class Run {
  private readonly results = new Map<TaskId, TaskResult>();
  private readonly bindings: Record<string, string>;
  private readonly ends = new Map<TaskId, Promise<TaskResult>>();
  private readonly slots: Slots;
  private readonly scopes: Scopes;

  constructor(
    private readonly graph: Graph,
    private readonly perform: Perform,
    private readonly options: RunGraphOptions,
  ) {
    this.bindings = { ...options.bindings, 'run.errors': '' };
    for (const { backup } of graph.tasks) if (backup !== undefined) this.bindings[`backup:${backup}.errors`] = '';
    this.slots = new Slots(options.parallelism);
    this.scopes = new Scopes(graph, {
      perform,
      context: (scope, within, signal) => this.context(scope.id, null, within, signal),
      bind: (id, performed) => this.bind(id, performed),
      failed: (scope, what, error) => {
        const message = `"${scope.id}" could not be ${what === 'held' ? 'kept' : what}: ${this.redact(error.message)}`;
        options.emit({ event: 'notice', level: 'error', message });
      },
    });
  }

  async run(): Promise<GraphResults> {
    const starters: (() => void)[] = [];
    for (const task of this.graph.tasks) {
      // Nothing starts before every task has its promise, whatever the order in which they stand.
      const ready = new Promise<void>((resolve) => starters.push(resolve));
      this.ends.set(
        task.id,
        ready.then(() => this.runTask(task)),
      );
    }
    for (const start of starters) start();
    const left = this.graph.tasks.map(async (task) => {
      try {
        await this.ends.get(task.id);
      } finally {
        await this.scopes.leave(task);
      }
    });
    // Every scope is left before a fault of the scheduler itself, or of a reporter, is passed on.
    await Promise.allSettled(left);
    await Promise.all(left);
    return { results: this.results, bindings: this.bindings, scopes: this.scopes.failures() };
  }

  private async runTask(task: Task): Promise<TaskResult> {
    const unmet = await this.unmetNeed(task);
    if (unmet !== null) return this.finish(task, { outcome: 'skipped', message: unmet, seconds: 0 });
    const free = await this.slots.take();
    try {
      return this.finish(task, await this.attemptTask(task));
    } finally {
      free();
    }
  }

  private async attemptTask(task: Task): Promise<TaskResult> {
    const { signal: interruption, emit } = this.options;
    const isLast = isLastStep(task);
    if (interruption.aborted && !(isLast && this.scopes.allHeld(task))) {
      return { outcome: 'skipped', message: 'The run was interrupted before it began.', seconds: 0, isCut: true };
    }
    emit({ event: 'task-started', task: task.id });
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    const outer = isLast ? this.patient() : interruption;
    try {
      this.options.admit?.(task);
      await this.scopes.enter(task, outer);
      const signal = AbortSignal.any([outer, ...this.scopes.limits(task)]);
      const performed = await attempt(
        task,
        (limit) => this.perform(task.action, this.context(task.id, task, task.within, limit)),
        { signal, onRetry: (text) => this.tell(task, text) },
      );
      this.bind(task.id, performed);
      const { outcome = 'ok', message } = performed;
      return { outcome, ...(message !== undefined && { message }), seconds: seconds() };
    } catch (thrown) {
      const error = asRunnerError(outer.aborted ? outer.reason : thrown);
      const outcome = outer.aborted && interruption.aborted ? 'interrupted' : 'failed';
      return { outcome, message: this.redact(error.message), error, seconds: seconds() };
    }
  }

  /** Why it can never start, as soon as that is known; null once every need is met. */
  private async unmetNeed(task: Task): Promise<string | null> {
    const calm = task.needs.filter(({ on }) => on !== 'fail');
    const failures = task.needs.filter(({ on }) => on === 'fail');
    const refuse = (why: string) => Promise.reject(new Unmet(why));
    const each = calm.map(async ({ task: id, on }) => {
      const outcome = await this.outcomeOf(id);
      if (on === 'ok' && !isGood(outcome)) await refuse(`"${id}" ${wording[outcome]}.`);
    });
    const any = Promise.all(failures.map(async ({ task: id }) => (await this.outcomeOf(id)) === 'failed')).then(
      (all) => (all.length === 0 || all.includes(true) ? undefined : refuse('Nothing failed.')),
    );
    try {
      await Promise.all([...each, any]);
      return null;
    } catch (error) {
      if (error instanceof Unmet) return error.message;
      throw error;
    }
  }

  private async outcomeOf(id: TaskId | ScopeId): Promise<TaskOutcome> {
    const end = this.ends.get(id);
    if (end !== undefined) return (await end).outcome;
    return await this.scopes.over(id);
  }

  private finish(task: Task, result: TaskResult): TaskResult {
    const { outcome, message, seconds } = result;
    this.results.set(task.id, result);
    // Bound in any case: a hook that always runs is handed an empty text where there is nothing to tell.
    this.bindings[`${task.id}.error`] = isGood(outcome) ? '' : (message ?? '');
    for (const name of task.outputs) this.bindings[`${task.id}.${name}`] ??= '';
    if (outcome === 'failed' && message !== undefined) {
      this.addError('run.errors', message);
      if (task.backup !== undefined) this.addError(`backup:${task.backup}.errors`, message);
    }
    const said = message === undefined ? {} : { message };
    this.options.emit({ event: 'task-finished', task: task.id, outcome, seconds, ...said });
    return result;
  }

  private addError(name: string, message: string): void {
    this.bindings[name] = this.bindings[name] ? `${this.bindings[name]}\n${message}` : message;
  }

  private bind(id: string, performed: Performed): void {
    for (const [name, value] of Object.entries(performed.outputs ?? {})) this.bindings[`${id}.${name}`] = value;
  }

  private context(id: string, task: Task | null, within: readonly ScopeId[], signal: AbortSignal): PerformContext {
    const { emit } = this.options;
    return {
      id,
      task,
      within,
      lookup: lookupWithin(this.graph, this.bindings, within),
      outcome: (other) => this.results.get(other),
      signal,
      emit,
    };
  }

  /** For last steps: an interruption gives them a little time instead of none. */
  private patient(): AbortSignal {
    const { signal } = this.options;
    const late = new AbortController();
    const begin = () => {
      const timer = setTimeout(() => late.abort(signal.reason), lastStepSeconds * 1000);
      timer.unref();
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true });
    return late.signal;
  }

  private tell(task: Task, text: string): void {
    const backup = task.backup === undefined ? {} : { backup: task.backup };
    const message = this.redact(text);
    this.options.emit({ event: 'notice', level: 'warning', task: task.id, ...backup, message });
  }

  private redact(text: string): string {
    return this.options.redact?.(text) ?? text;
  }
}

class Unmet extends Error {}

const wording: Record<TaskOutcome, string> = {
  ok: 'ended well',
  warned: 'ended well',
  partial: 'ended well',
  failed: 'failed',
  skipped: 'was skipped',
  interrupted: 'was interrupted',
};

function isGood(outcome: TaskOutcome): boolean {
  return outcome === 'ok' || outcome === 'warned' || outcome === 'partial';
}

function isLastStep(task: Task): boolean {
  return task.action.do === 'step' && task.needs.length > 0 && task.needs.every(({ on }) => on === 'done');
}
