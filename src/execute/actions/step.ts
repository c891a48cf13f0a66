import { setTimeout as sleep } from 'node:timers/promises';
import { RunnerError } from '../../diagnostic.ts';
import type { Step } from '../../graph.ts';
import type { PerformContext, Performed } from '../task-context.ts';
import type { RunContext } from './context.ts';
import { textOf } from './errors.ts';
import { programsOf } from './programs.ts';
import { standalone } from './standalone.ts';

/** Milliseconds between two tries of a URL, and the longest that one try may take. */
const pause = 500;
const oneTry = 10_000;

/**
 * A step of a scope stops something: what starts it again is armed first, in a process that survives us, and is also run
 * when the stop itself failed, since it may have stopped a part.
 */
export async function performScopeStep(step: Step, run: RunContext, context: PerformContext): Promise<Performed> {
  const scope = run.graph.scopes.find(({ id }) => id === context.id);
  const release = scope?.release.do === 'step' && scope.release.step.step === 'run' ? scope.release.step : null;
  if (!release) return await performStep(step, run, context);
  const isRelease = scope?.release.do === 'step' && scope.release.step === step;
  if (isRelease) return await performStep(step, run, context).finally(() => run.guard.disarm(context.id));
  run.guard.arm(context.id, await standalone(release.command, run, context));
  try {
    return await performStep(step, run, context);
  } catch (error) {
    const failed = await programsOf(run, context).cleanUp([release.command]);
    run.guard.disarm(context.id);
    for (const { message } of failed) context.emit({ event: 'notice', level: 'error', task: context.id, message });
    throw error;
  }
}

/** A step of a hook or of a recovery. */
export async function performStep(step: Step, run: RunContext, context: PerformContext): Promise<Performed> {
  if (step.step === 'http') return await answered(step.url, step.within, context.signal);
  if (step.step === 'manual') return await confirmed(step.text, run);
  const finished = await programsOf(run, context).run(step.command);
  const warned = finished.verdict !== 'ok';
  return warned ? { outcome: 'warned', message: finished.notes.join('; ') } : {};
}

/** Asks until the URL answers with 2xx. Redirects are followed. `within` in seconds. */
async function answered(url: string, within: number, signal: AbortSignal): Promise<Performed> {
  const end = performance.now() + within * 1000;
  let last: string | undefined;
  while (performance.now() < end) {
    signal.throwIfAborted();
    const left = end - performance.now();
    const limit = AbortSignal.timeout(milliseconds(Math.min(oneTry, left)));
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, limit]) });
      await response.body?.cancel();
      if (response.ok) return { message: `answered ${response.status}` };
      last = `it answered ${response.status}`;
    } catch (error) {
      // A try that the end of `within` cut short says nothing: the answer before it does.
      if (!limit.aborted) last = textOf(error instanceof Error && error.cause ? error.cause : error);
      else if (left >= oneTry || !last) last = 'it gave no answer';
    }
    await sleep(milliseconds(Math.min(pause, end - performance.now())), undefined, { signal }).catch(() => undefined);
  }
  signal.throwIfAborted();
  throw new RunnerError(`${url} did not answer with success within ${within} s: ${last ?? 'it was not asked'}`);
}

/** Timers take whole milliseconds, and at least one. */
function milliseconds(time: number): number {
  return Math.max(1, Math.ceil(time));
}

async function confirmed(text: string, run: RunContext): Promise<Performed> {
  if (!run.confirm) throw new RunnerError(`a person must confirm «${text}», and there is no terminal to ask at`);
  if (!(await run.confirm(text))) throw new RunnerError(`not confirmed: «${text}»`);
  return {};
}
