/** What `doctor` looks at on this machine: programs, paths and keys, secrets. */

import type { RunFacts } from '../compile/facts.ts';
import type { ReadSecret } from '../destination.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { pathProblem, programProblem, secretProblem } from '../execute/actions/requirements.ts';
import type { Graph, Requirement } from '../graph.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { count } from '../report/human.ts';
import type { Host } from './command.ts';
import { type Examined, examine } from './examination.ts';

/** Everything that a run would demand before it starts, each on a line of its own. */
export async function examineMachine(
  plan: ResolvedPlan,
  facts: RunFacts,
  requirements: Requirement[],
  readSecret: ReadSecret,
  host: Host,
): Promise<Examined[]> {
  return [
    ...(await programs(requirements, facts, host)),
    ...keys(facts),
    ...(await paths(requirements)),
    ...(await secrets(plan, requirements, readSecret)),
  ];
}

/** What `apply` would demand. */
export function requirementsOf(graph: Graph): Requirement[] {
  const preflight = graph.tasks.find(({ action }) => action.do === 'preflight');
  return preflight?.action.do === 'preflight' ? preflight.action.requirements : [];
}

async function programs(requirements: Requirement[], facts: RunFacts, host: Host): Promise<Examined[]> {
  const demanded = requirements.filter((one) => one.need === 'program').filter(({ place }) => !place);
  const missing = demanded.flatMap((one) => {
    const problem = programProblem(one, host.environment);
    const health = 'problem' as const;
    return problem === null ? [] : [{ check: 'program', subject: one.program, health, message: problem }];
  });
  const told = new Set(missing.map(({ subject }) => subject));
  const others = Object.entries(facts.programs).filter(([name]) => !told.has(name));
  const rows = others.map(([subject, fact]): Examined => {
    const found =
      fact === null ? 'not installed; a backup is made without it' : `${fact.version || 'found'} (${fact.path})`;
    return { check: 'program', subject, health: 'ok', message: found };
  });
  return [...rows, ...missing];
}

/** Public keys that the plan names: expired, without encryption capability, not found, or to expire soon. */
function keys(facts: RunFacts): Examined[] {
  return Object.entries(facts.inspections).map(([subject, { problems, data }]): Examined => {
    const message = problems.map((problem) => problem.message).join('; ');
    if (problems.length > 0) return { check: 'key', subject, health: 'problem', message };
    const ending = expiring(data, facts.now);
    if (ending.length > 0) return { check: 'key', subject, health: 'warning', message: ending.join('; ') };
    return { check: 'key', subject, health: 'ok', message: 'usable' };
  });
}

/** Days before the end of a key: enough to extend it and to hand out its new public part. */
const notice = 30;

/** Whatever an inspection found that says `file`, `fingerprint` and `expires`. */
function expiring(data: Record<string, unknown>, now: Date): string[] {
  const found = Object.values(data).flat() as { file?: string; fingerprint?: string; expires?: string }[];
  return found.flatMap(({ file, fingerprint, expires }) => {
    const days = expires === undefined ? notice : (Date.parse(expires) - now.getTime()) / 86_400_000;
    if (days >= notice) return [];
    const end = `${expires!.slice(0, 10)}, in ${count(Math.floor(days), 'day')}`;
    return [`the key ${fingerprint} in ${file} expires on ${end}: extend it, or no backup is made from then on`];
  });
}

async function paths(requirements: Requirement[]): Promise<Examined[]> {
  const wanted = requirements.filter((one) => one.need === 'path').filter(({ place }) => !place);
  return Promise.all(
    wanted.map((one) =>
      examine('path', one.path, async () => {
        const problem = await pathProblem(one);
        if (problem !== null) throw new RunnerError(problem);
        return one.why;
      }),
    ),
  );
}

async function secrets(plan: ResolvedPlan, requirements: Requirement[], read: ReadSecret): Promise<Examined[]> {
  const forms = new Map(requirements.flatMap((one) => (one.need === 'secret' ? [[one.secret, one] as const] : [])));
  return Promise.all(
    Object.entries(plan.secrets).map(([name, reference]) =>
      examine('secret', name, async () => {
        const form = forms.get(name);
        const problem = form ? await secretProblem(form, read) : null;
        if (problem !== null) throw new RunnerError(problem, { exitCode: ExitCode.usage });
        const present = (await read(name)) !== '';
        return present ? `present, from ${sourceOf(reference)}` : 'absent, and optional';
      }),
    ),
  );
}

function sourceOf(reference: ResolvedPlan['secrets'][string]): string {
  if ('env' in reference) return `the variable ${reference.env}`;
  if ('file' in reference) return reference.file;
  if ('credential' in reference) return `the credential ${reference.credential}`;
  return `the program ${reference.command[0]}`;
}
