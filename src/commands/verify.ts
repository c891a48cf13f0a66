import { placeholders } from '../bind.ts';
import { graphDigest } from '../compile/digest.ts';
import { compileVerify } from '../compile/index.ts';
import type { Choice } from '../compile/verify.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { renderText } from '../preview/text.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow } from './find.ts';
import { historyReader } from './history.ts';
import { findBackup, openPlan } from './plan-file.ts';
import { rowsOf } from './rows.ts';
import { runGraph, tellOutcome } from './run-graph.ts';
import { type Shelves, tellFailures, withShelves } from './shelves.ts';
import { choiceOf, newestChoice } from './verify-choice.ts';

type Wanted = { choices: Choice[]; complaints: string[] };

/** `runner verify`: the newest backup of each entry, or one by its id, checked through its destinations. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { id, level, planOnly, json } = invocation.options;
  const [word] = invocation.words;
  const name = id === undefined ? word : backupOf(id);
  if (word !== undefined && word !== name) {
    throw new RunnerError(`${id} is a backup of "${name}", not of "${word}"`, { exitCode: 4 });
  }
  const plan = await openPlan(invocation, host);
  if (name !== undefined) findBackup(plan, name);
  const { choices, complaints } = await wanted(plan, name ?? null, id, host);
  for (const complaint of complaints) host.terminal.say(`warning: ${complaint}\n`);
  if (choices.length === 0) throw new RunnerError('there is nothing to verify');
  const facts = await readFacts(plan, { environment: host.environment, destinations: [] });
  const graph = compileVerify(plan, facts, { choices, ...(level === undefined ? {} : { level }) });
  if (planOnly) {
    host.terminal.data(
      json
        ? `${JSON.stringify({ ...graph, digest: graphDigest(graph) }, null, 2)}\n`
        : renderText(graph, { ...placeholders, full: invocation.options.full ?? false }),
    );
    return ExitCode.success;
  }
  const outcome = await runGraph(graph, plan, facts, invocation, host);
  tellOutcome(outcome, invocation, host);
  return outcome.exitCode === ExitCode.success && complaints.length > 0 ? ExitCode.partial : outcome.exitCode;
}

async function wanted(plan: ResolvedPlan, name: string | null, id: string | undefined, host: Host): Promise<Wanted> {
  return withShelves(plan, Object.keys(plan.destinations), name, host, async (shelves) => {
    const result: Wanted = { choices: [], complaints: [] };
    const warn = (message: string) => void result.complaints.push(message);
    if (id === undefined) await addNewest(plan, name, shelves, result, warn);
    else {
      const choice = await choiceOf(plan, await findRow(plan, shelves, id), shelves.places, warn);
      if (choice) result.choices.push(choice);
    }
    await addHistory(plan, name, shelves, warn);
    tellFailures(shelves, host);
    return result;
  });
}

async function addNewest(
  plan: ResolvedPlan,
  name: string | null,
  shelves: Shelves,
  result: Wanted,
  warn: (message: string) => void,
): Promise<void> {
  const rows = await rowsOf(plan, shelves);
  for (const backup of plan.backups) {
    if (name !== null && backup.name !== name) continue;
    const choice = await newestChoice(plan, rows, backup.name, shelves.places, warn);
    if (choice) result.choices.push(choice);
    else if (choice === undefined) warn(`"${backup.name}" has no backup to verify`);
  }
}

/** What a check of single copies cannot find: backups that are not there any more, and copies that differ. */
async function addHistory(
  plan: ResolvedPlan,
  name: string | null,
  shelves: Shelves,
  warn: (message: string) => void,
): Promise<void> {
  const alarmsOf = historyReader(shelves);
  for (const backup of plan.backups) {
    if (name !== null && backup.name !== name) continue;
    for (const { kind, message } of await alarmsOf(backup)) if (kind !== 'damaged') warn(message);
  }
}
