import type { Argument, Command, Value } from '../command.ts';
import type { Step } from '../graph.ts';
import type { Question } from '../kind.ts';
import type { Configured, EnvironmentValue, PlannedStep, PlannedStop, ResolvedBackup } from '../plan/resolved.ts';
import { askKind } from './ask.ts';
import { type RunFacts, sourceFacts } from './facts.ts';
import { placed, placeOf } from './place.ts';

/** Seconds that a step may take when the plan says nothing. */
const stepTimeout = 600;
/** Seconds in which a URL must answer when the plan says nothing. */
const httpWithin = 60;

/** One step of a hook or of a recovery; `backup` is null for hooks of the whole plan. `environment` is what the runner hands over (RUNNER_*). */
export function compileStep(
  step: PlannedStep,
  backup: Pick<ResolvedBackup, 'name' | 'source'> | null,
  environment: Record<string, Value>,
  facts: RunFacts,
): Step {
  if ('http' in step) return { step: 'http', url: step.http, within: step.within ?? step.timeout ?? httpWithin };
  if ('manual' in step) return { step: 'manual', text: step.manual };
  const timeout = step.timeout ?? stepTimeout;
  if ('sql' in step) return { step: 'run', command: { ...queryLive(backup, step.sql, facts), timeout } };
  const command = external(step.run, { ...environment, ...values(step.environment) }, timeout);
  return { step: 'run', command: placed(command, placeOf(step.place)) };
}

/** How something is stopped for a swap, and how it is started again. */
export function compileStop(
  stop: PlannedStop,
  environment: Record<string, Value>,
): { stop: Step; start: Step; name: string } {
  const timeout = stop.timeout ?? stepTimeout;
  const [down, up, name] = stopCommands(stop);
  return {
    name,
    stop: { step: 'run', command: external(down, environment, timeout) },
    start: { step: 'run', command: external(up, environment, timeout) },
  };
}

function stopCommands(stop: PlannedStop): [string[], string[], string] {
  if ('systemd' in stop)
    return [['systemctl', 'stop', '--', stop.systemd], ['systemctl', 'start', '--', stop.systemd], stop.systemd];
  if ('docker' in stop)
    return [['docker', 'stop', '--', stop.docker], ['docker', 'start', '--', stop.docker], stop.docker];
  if ('run' in stop) return [stop.run, stop.start, stop.run.join(' ')];
  const { service, project, file } = stop.compose;
  const compose = [
    'docker',
    'compose',
    ...(file ? ['--file', file] : []),
    ...(project ? ['--project-name', project] : []),
  ];
  return [[...compose, 'stop', '--', service], [...compose, 'start', '--', service], service];
}

/** A program of the user's: it sees the runner's own environment. */
export function external(argv: Argument[], env: Record<string, Value>, timeout: number): Command {
  return { argv, env, inheritEnvironment: true, timeout };
}

export function values(environment: Record<string, EnvironmentValue> | undefined): Record<string, Value> {
  return environment ?? {};
}

/** A query on the live source; only kinds that answer queries get this far (a rule refuses `sql` elsewhere). */
function queryLive(backup: Pick<ResolvedBackup, 'name' | 'source'> | null, sql: string, facts: RunFacts): Command {
  if (backup === null) throw new Error('a hook of the whole plan asks a source although the plan was validated');
  return askLive(backup, backup.source, { sql }, facts);
}

/** A question to the live source, asked where its programs run; `source` has the spec of the part that is meant. */
export function askLive(
  backup: Pick<ResolvedBackup, 'name' | 'source'>,
  source: Configured,
  question: Question,
  facts: RunFacts,
): Command {
  return placed(askKind(source, question, null, sourceFacts(facts, backup)), placeOf(backup.source.place));
}
