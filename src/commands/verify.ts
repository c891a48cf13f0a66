import { compileVerify } from '../compile/index.ts';
import type { Choice } from '../compile/verify.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow, readCopies } from './find.ts';
import { findBackup, openPlan } from './plan-file.ts';
import { type Row, rowsOf } from './rows.ts';
import { runGraph, tellOutcome } from './run-graph.ts';
import { type Shelves, tellFailures, withShelves } from './shelves.ts';

type Wanted = { choices: Choice[]; complaints: string[] };

/** `runner verify`: the newest backup of each entry, or one by its id, checked through its destinations. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const { id, level } = invocation.options;
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
  const outcome = await runGraph(graph, plan, facts, invocation, host);
  tellOutcome(outcome, invocation, host);
  return outcome.exitCode === ExitCode.success && complaints.length > 0 ? ExitCode.partial : outcome.exitCode;
}

async function wanted(plan: ResolvedPlan, name: string | null, id: string | undefined, host: Host): Promise<Wanted> {
  return withShelves(plan, Object.keys(plan.destinations), name, host, async (shelves) => {
    tellFailures(shelves, host);
    const result: Wanted = { choices: [], complaints: [] };
    const rows = id === undefined ? await newestRows(plan, name, shelves, result) : [await findRow(plan, shelves, id)];
    for (const row of rows) {
      const copies = await readCopies(row, shelves.places, (message) => result.complaints.push(message));
      const destinations = copies.map(({ place }) => place.name);
      if (copies[0]) {
        result.choices.push({ backup: row.backup, id: row.id, manifest: copies[0].manifest, destinations });
      }
    }
    return result;
  });
}

/** The newest committed backup of each entry: also one that is not proven yet, since that is what a check is for. */
async function newestRows(plan: ResolvedPlan, name: string | null, shelves: Shelves, result: Wanted): Promise<Row[]> {
  const rows = await rowsOf(plan, shelves);
  return plan.backups.flatMap((backup) => {
    if (name !== null && backup.name !== name) return [];
    const newest = rows.findLast((row) => row.backup === backup.name);
    if (newest) return [newest];
    result.complaints.push(`"${backup.name}" has no backup to verify`);
    return [];
  });
}
