/** `apply --due`: what the schedules of a plan owe. */
import type { ResolvedBackup, ResolvedPlan, ResolvedTask } from '../plan/resolved.ts';
import { wallClock } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { type Debt, debts, taskDebts } from './due.ts';
import { findBackup } from './plan-file.ts';
import { withShelves } from './shelves.ts';

type Named = { only: string[]; tasks: string[] };

/** Of what is named (nothing: of the whole plan) that which is owed; null where nothing is. */
export async function dueWork(
  plan: ResolvedPlan,
  named: Named,
  invocation: Invocation,
  host: Host,
): Promise<Named | null> {
  const { backups, tasks } = wanted(plan, named);
  const { quiet = false, yes = false } = invocation.options;
  const made = await withShelves(plan, Object.keys(plan.destinations), null, host, async ({ places }) => {
    const now = new Date();
    return {
      backups: await debts(backups, plan.timezone, places, now),
      tasks: await taskDebts(tasks, plan, places, now),
    };
  });
  const owed = (list: Debt[]) => list.filter(({ due }) => due).map(({ backup }) => backup);
  const duties = tasks.filter(({ name }) => owed(made.tasks).includes(name));
  const waiting = yes || host.terminal.interactive ? [] : duties.filter(asksPerson).map(({ name }) => name);
  const work = {
    only: owed(made.backups),
    tasks: duties.map(({ name }) => name).filter((name) => !waiting.includes(name)),
  };
  if (!quiet) for (const name of waiting) host.terminal.say(`note: ${owedText(name, invocation)}\n`);
  if (work.only.length + work.tasks.length > 0) return work;
  if (quiet || waiting.length > 0) return null;
  const [next] = [...made.backups, ...made.tasks].toSorted((left, right) => left.next.getTime() - right.next.getTime());
  const hint = next
    ? `; next is ${next.backup} at ${wallClock(next.next, plan.timezone)} ${plan.timezone}`
    : ': no backup of these has a schedule';
  host.terminal.say(`nothing is due${hint}\n`);
  return null;
}

function wanted(plan: ResolvedPlan, { only, tasks }: Named): { backups: ResolvedBackup[]; tasks: ResolvedTask[] } {
  if (only.length + tasks.length === 0) return plan;
  return {
    backups: only.map((name) => findBackup(plan, name)),
    tasks: plan.tasks.filter(({ name }) => tasks.includes(name)),
  };
}

function asksPerson({ steps, hooks }: ResolvedTask): boolean {
  return [...steps, ...Object.values(hooks).flat()].some((step) => 'manual' in step);
}

function owedText(name: string, { plan }: Invocation): string {
  const line = ['runner apply', ...(plan === null ? [] : [plan]), name].join(' ');
  return `task "${name}" is owed and waits for a person: ${line}`;
}
