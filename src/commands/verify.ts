import { graphDigest } from '../compile/digest.ts';
import { compileVerify } from '../compile/index.ts';
import type { Choice } from '../compile/verify.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import type { ResolvedPlan } from '../plan/resolved.ts';
import { renderText } from '../preview/text.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow, newestOf, type ReadCopy, readCopies } from './find.ts';
import { findBackup, openPlan } from './plan-file.ts';
import { type Row, rowsOf } from './rows.ts';
import { runGraph, tellOutcome } from './run-graph.ts';
import { type Shelves, tellFailures, withShelves } from './shelves.ts';

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
      json ? `${JSON.stringify({ ...graph, digest: graphDigest(graph) }, null, 2)}\n` : renderText(graph),
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
    const all =
      id === undefined ? await newestOnes(plan, name, shelves, result) : [await named(plan, shelves, id, warn)];
    tellFailures(shelves, host);
    for (const { row, copies } of all) {
      const destinations = copies.map(({ place }) => place.name);
      if (copies[0]) {
        result.choices.push({ backup: row.backup, id: row.id, manifest: copies[0].manifest, destinations });
      }
    }
    return result;
  });
}

type Candidate = { row: Row; copies: ReadCopy[] };

async function named(
  plan: ResolvedPlan,
  shelves: Shelves,
  id: string,
  warn: (message: string) => void,
): Promise<Candidate> {
  const row = await findRow(plan, shelves, id);
  return { row, copies: await readCopies(row, shelves.places, warn) };
}

/** The newest committed backup of each entry: also one that is not proven yet, since that is what a check is for. */
async function newestOnes(
  plan: ResolvedPlan,
  name: string | null,
  shelves: Shelves,
  { complaints }: Wanted,
): Promise<Candidate[]> {
  const rows = await rowsOf(plan, shelves);
  const found: Candidate[] = [];
  for (const backup of plan.backups) {
    if (name !== null && backup.name !== name) continue;
    const newest = await newestOf(rows, backup.name, shelves.places, (message) => void complaints.push(message));
    if (newest) found.push(newest);
    else complaints.push(`"${backup.name}" has no backup to verify`);
  }
  return found;
}
