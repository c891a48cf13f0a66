import { graphDigest } from '../compile/digest.ts';
import { compileRestore, type RestoreChoice } from '../compile/index.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { exists } from '../execute/actions/directory.ts';
import { readFacts } from '../facts.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { renderText } from '../preview/text.ts';
import { findSource } from '../registry.ts';
import { oneLine, wallClock } from '../report/human.ts';
import { choose } from './choose.ts';
import type { Host, Invocation, Options } from './command.ts';
import { consent } from './consent.ts';
import { backupOf } from './find.ts';
import { outsideArtifact } from './outside.ts';
import { findBackup, fromDestination, openPlan } from './plan-file.ts';
import { runGraph, tellOutcome } from './run-graph.ts';
import { tellFailures, withShelves } from './shelves.ts';
import { type RestoreTarget, restoreTarget } from './target.ts';

/** `runner restore`: choose a backup, show or do what brings it back. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  const options = normalized(invocation.options);
  const plan = await openPlan(invocation, host);
  const backup = restored(plan, invocation.words[0], options);
  const target = await restoreTarget(plan, backup, options.to);
  const origin = await originOf(plan, backup, options, host);
  const { safetyBackup = true } = options;
  const { live, replaces, beside, aside } = target;
  const safety = safetyBackup && replaces && !target.empty;
  const choice: RestoreChoice = {
    ...origin,
    backup: backup.name,
    target: target.target,
    live,
    replaces,
    beside,
    aside,
    safety,
  };
  const facts = await readFacts(plan, { environment: host.environment, destinations: [] });
  const graph = compileRestore(plan, facts, choice);
  if (options.planOnly) {
    const json = `${JSON.stringify({ ...graph, digest: graphDigest(graph) }, null, 2)}\n`;
    host.terminal.data(options.json ? json : renderText(graph));
    return ExitCode.success;
  }
  if (replaces && !target.empty) await consent(question(choice, target, backup), invocation, host);
  const outcome = await runGraph(graph, plan, facts, invocation, host);
  const { json, quiet } = options;
  if (outcome.exitCode === ExitCode.success && !json && !quiet) {
    host.terminal.data(`${choice.id} is restored${target.target === null ? '' : ` to ${target.target}`}\n`);
  } else tellOutcome(outcome, invocation, host);
  // Also after a failure, a rejected safety copy or a start that went wrong: nobody else knows that name.
  if (target.target !== null && (await exists(aside)))
    host.terminal.say(`note: what lay at ${oneLine(target.target)} before is kept at ${oneLine(aside)}\n`);
  return outcome.exitCode;
}

/** `--date` and `--dry-run` are what older scripts say; exactly one way of choosing is needed. */
function normalized(given: Options & { date?: string }): Options {
  const at = given.at ?? given.date;
  const options = { ...given, ...(at === undefined ? {} : { at }) };
  if (given.dryRun) options.planOnly = true;
  const ways = [options.latest, options.at, options.id, options.file].filter((way) => way !== undefined);
  if (ways.length === 1) return options;
  const mistake = ways.length === 0 ? 'say which backup' : 'only one of these can be meant';
  throw new RunnerError(`${mistake}: --latest, --at TIME, --id ID or --file ARTIFACT`, { exitCode: 4 });
}

/** The entry that is restored: as named, as the id says, or the only one. */
function restored(plan: ResolvedPlan, word: string | undefined, { id }: Options): ResolvedBackup {
  const byId = id === undefined ? null : backupOf(id);
  if (word !== undefined && byId !== null && word !== byId) {
    throw new RunnerError(`${id} is a backup of "${byId}", not of "${word}"`, { exitCode: 4 });
  }
  const name = word ?? byId;
  if (name !== null) return findBackup(plan, name);
  if (plan.backups.length === 1) return plan.backups[0]!;
  const names = plan.backups.map((backup) => backup.name).join(', ');
  throw new RunnerError(`say which of ${names} is to be restored`, { exitCode: 4 });
}

type Origin = Pick<RestoreChoice, 'id' | 'manifest' | 'records' | 'from'>;

async function originOf(plan: ResolvedPlan, backup: ResolvedBackup, options: Options, host: Host): Promise<Origin> {
  if (options.file !== undefined) {
    const { file, ...rest } = await outsideArtifact(plan, backup, options.file);
    return { ...rest, from: { file } };
  }
  const names = fromDestination(plan, options.from);
  return withShelves(plan, names, backup.name, host, async (shelves) => {
    tellFailures(shelves, host);
    const { row, copies, remarks } = await choose(plan, backup, options, shelves);
    const { manifest, place } = copies[0]!;
    if (!options.quiet) {
      const time = wallClock(new Date(manifest.moment.to), plan.timezone);
      host.terminal.say(`${row.id} from ${place.name}: data as of ${time} ${plan.timezone}\n`);
    }
    for (const remark of remarks) host.terminal.say(`note: ${remark}\n`);
    return { id: row.id, manifest, from: { destination: place.name } };
  });
}

function question(choice: RestoreChoice, { target, live }: RestoreTarget, backup: ResolvedBackup): string {
  if (target === null) return `feed ${choice.id} to the restore program of "${backup.name}"`;
  const copied = findSource(backup.source.type).relocate ? 'a safety copy of it is kept' : 'it is moved aside';
  const kept = choice.safety ? copied : 'no copy of it is kept';
  return `replace ${live ? 'the live data' : 'what lies'} at ${target} by ${choice.id} (${kept})`;
}
