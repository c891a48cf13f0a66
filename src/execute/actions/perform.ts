import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { Action, Task } from '../../graph.ts';
import type { Perform, PerformContext, Performed } from '../task-context.ts';
import { admit, answersOf } from './admit.ts';
import { assertAll } from './assertions.ts';
import { capture } from './capture.ts';
import type { RunContext } from './context.ts';
import { discard, makeDirectory, removeDirectory, reserve } from './directory.ts';
import { document } from './document.ts';
import { exchange, takeBack } from './exchange.ts';
import { hold, letGo } from './hold.ts';
import { lease, releaseLease } from './lease.ts';
import { preflight } from './preflight.ts';
import { programsOf } from './programs.ts';
import { prune } from './prune.ts';
import { putBack } from './put-back.ts';
import { goOn, quiesce } from './quiesce.ts';
import { runForScope } from './run-commands.ts';
import { settleDestination } from './settle.ts';
import { performScopeStep, performStep } from './step.ts';
import { swap, unswap } from './swap.ts';
import { sync } from './sync.ts';
import { discardThere, reserveThere } from './there.ts';
import { unpack } from './unpack.ts';
import { verify } from './verify.ts';

/** How the actions of a graph are done in this run. */
export function performer(run: RunContext): Perform {
  return (action, context) => perform(action, run, context);
}

/**
 * Throws why a backup cannot be made, before anything of its first task begins. Once a backup: what depends on that task is
 * skipped then, and its hooks of failure are told why.
 */
export function refuseUnfit(run: RunContext, { backup }: Task): void {
  const why = backup === undefined ? undefined : run.unfit.get(backup);
  if (why === undefined) return;
  run.unfit.delete(backup!);
  throw new RunnerError(why, { exitCode: ExitCode.usage });
}

async function perform(action: Action, run: RunContext, context: PerformContext): Promise<Performed> {
  switch (action.do) {
    case 'preflight':
      return await preflight(action, run, context);
    case 'settle':
      return await settleDestination(action, run, context);
    case 'step':
      return await (context.task ? performStep : performScopeStep)(action.step, run, context);
    case 'capture':
      return await capture(action, run, context);
    case 'verify':
      return await verify(action, run, context);
    case 'prune':
      return await prune(action, run, context);
    case 'sync':
      return await sync(action, run, context);
    case 'document':
      return await document(action, run);
    case 'admit':
      return await admit(action, run, context);
    case 'unpack':
      return await unpack(action, run, context);
    case 'assert':
      await assertAll(action.assert, run, context, answersOf(action, run));
      return {};
    case 'reserve':
      return 'commands' in action ? await reserveThere(action, run, context) : await reserve(action, run);
    case 'swap':
      return 'commands' in action ? await exchange(action, run, context) : await swap(action, run, context);
    case 'unswap':
      return 'commands' in action ? await takeBack(action, run, context) : await unswap(action, run);
    case 'put-back':
      return await putBack(action, run, context);
    case 'discard':
      return 'commands' in action ? await discardThere(action, run, context) : await discard(action, run);
    case 'run':
      await (context.task ? programsOf(run, context).runAll(action.commands) : runForScope(action, run, context));
      return {};
    case 'learn':
      return { outputs: { value: (await programsOf(run, context).run(action.command)).stdout.trim() } };
    case 'hold':
      return await hold(action, run, context);
    case 'let-go':
      return await letGo(run, context);
    case 'directory':
      return await makeDirectory(action, run);
    case 'remove-directory':
      return await removeDirectory(run, context);
    case 'quiesce':
      return await quiesce(action, run, context);
    case 'go-on':
      return await goOn(action, run, context);
    case 'lease':
      return await lease(action, run, context);
    case 'release-lease':
      return await releaseLease(action, run, context);
  }
}
