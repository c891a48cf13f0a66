import { placeholders } from '../bind.ts';
import { graphDigest } from '../compile/digest.ts';
import type { RunFacts } from '../compile/facts.ts';
import { compileRestore } from '../compile/index.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import { readFacts } from '../facts.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { renderText } from '../preview/text.ts';
import { findSource } from '../registry.ts';
import { wallClock } from '../report/human.ts';
import { type Chosen as ChosenCopies, choose } from './choose.ts';
import { chooseSet } from './choose-set.ts';
import type { Host, Invocation, Options } from './command.ts';
import { idOf } from './commit-id.ts';
import { consent } from './consent.ts';
import { backupOf } from './find.ts';
import { backupOfFile, outsideArtifact } from './outside.ts';
import { type Origin, type Placed, placedPieces } from './pieces.ts';
import { findBackup, findGroup, fromDestination, namedBackups, openPlan } from './plan-file.ts';
import { withOptions } from './restore-options.ts';
import { statistics } from './restore-statistics.ts';
import { leftNames, question, targetsText, wordsToType } from './restore-text.ts';
import { runGraph, tellOutcome } from './run-graph.ts';
import { type AskServer, withServer } from './server.ts';
import { tellFailures, withShelves } from './shelves.ts';
import { restoreTarget } from './target.ts';
import { thawOrigins } from './thaw.ts';

/** What is brought back of one backup, and where it goes. */
export type Wanted = { backup: ResolvedBackup; origin: Origin } & Placed;

/** `runner restore`: choose a backup, show or do what brings it back. */
export async function run(invocation: Invocation, host: Host): Promise<ExitCode> {
  if (invocation.options.list) return await (await import('./list.ts')).run(invocation, host);
  const asked = normalized(invocation.options);
  const written = asRestorer(await openPlan(invocation, host));
  const { id, option = [] } = asked;
  const options = id === undefined ? asked : { ...asked, id: await idOf(written, id, asked.from, host) };
  const [named] = invocation.words;
  const { file } = options;
  const word = named ?? (file === undefined ? undefined : (await backupOfFile(written, file)).name);
  const names = word === undefined ? [restored(written, word, options).name] : namedBackups(written, [word]);
  const plan = withOptions(written, names, option);
  const origins = await originsOf(plan, word, options, host);
  if (options.thaw && !options.planOnly) {
    const asked = await thawOrigins(
      plan,
      origins.map(({ origin }) => origin),
      host,
    );
    for (const sentence of asked) host.terminal.data(`${sentence}\n`);
    if (asked.length > 0) return ExitCode.partial;
  }
  // A server that answers may hold more than what lies on its disk.
  const facts = await readFacts(plan, {
    environment: host.environment,
    destinations: [],
    backups: origins.map((one) => one.backup.name),
    survey: true,
  });
  const { to, only = [], safetyBackup: safety = true } = options;
  return await withServer(plan, host, async (ask) => {
    const wanted: Wanted[] = [];
    for (const one of origins)
      wanted.push({
        ...one,
        ...(await placedPieces(plan, one.backup, one.origin, { to, only, safety }, facts, ask)),
      });
    const choices = wanted.map(({ backup: { name }, origin: { part: _, ...origin }, live, pieces }) => ({
      ...origin,
      backup: name,
      live,
      pieces: pieces.map(({ where: __, remarks: ___, ...piece }) => piece),
    }));
    const graph = compileRestore(plan, facts, choices);
    if (options.planOnly) {
      const json = `${JSON.stringify({ ...graph, digest: graphDigest(graph) }, null, 2)}\n`;
      host.terminal.data(options.json ? json : renderText(graph, { ...placeholders, full: options.full ?? false }));
      return ExitCode.success;
    }
    await agree(wanted, invocation, host);
    const outcome = await runGraph(graph, plan, facts, invocation, host);
    const { json, quiet } = options;
    if (outcome.exitCode !== ExitCode.success || json || quiet) tellOutcome(outcome, invocation, host);
    else for (const one of wanted) await tellRestored(one, facts, ask, host);
    // Also after a failure, a rejected safety copy or a start that went wrong: nobody else knows that name.
    for (const sentence of await leftNames(wanted, facts, ask)) host.terminal.say(`note: ${sentence}\n`);
    return outcome.exitCode;
  });
}

/** Says what must be read before, and asks whether what lies there may be replaced. */
async function agree(wanted: Wanted[], invocation: Invocation, host: Host): Promise<void> {
  for (const remark of wanted.flatMap(({ pieces }) => pieces.flatMap(({ remarks }) => remarks)))
    host.terminal.say(`note: ${remark}\n`);
  const doubt = question(wanted);
  if (doubt === null) return;
  const words = wordsToType(wanted);
  for (const word of words.length > 0 ? words : [undefined]) await consent(doubt, invocation, host, word);
}

/** Where it lies now, and what the server says of it. */
async function tellRestored(one: Wanted, facts: RunFacts, ask: AskServer, host: Host): Promise<void> {
  host.terminal.data(`${one.origin.id} is restored${targetsText(one)}\n`);
  for (const line of await statistics(one, facts, ask)) host.terminal.data(`  ${line}\n`);
}

/** A user of backups may only read: the plan may name another one who restores. */
export function asRestorer(plan: ResolvedPlan): ResolvedPlan {
  const backups = plan.backups.map((backup) => {
    const { source, restore } = backup;
    return { ...backup, source: { ...source, spec: { ...source.spec, ...restore.as } } };
  });
  return { ...plan, backups };
}

type Aliases = { date?: string; backup?: boolean; oplogLimit?: string };

/** `--date`, `--dry-run`, `--no-backup` and `--oplog-limit` are what older scripts say; exactly one way of choosing is needed. */
function normalized(given: Options & Aliases): Options {
  const at = given.at ?? given.date;
  const options = { ...given, ...(at === undefined ? {} : { at }) };
  if (given.dryRun) options.planOnly = true;
  if (given.backup === false) options.safetyBackup = false;
  if (given.oplogLimit !== undefined) options.option = [...(given.option ?? []), `oplog-limit=${given.oplogLimit}`];
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
  const names = [...plan.backups, ...plan.groups].map((one) => one.name).join(', ');
  throw new RunnerError(`say which of ${names} is to be restored`, { exitCode: 4 });
}

type Chosen = Pick<Wanted, 'backup' | 'origin'>;

/** The backups that are restored: all of a group's set, or one. */
async function originsOf(
  plan: ResolvedPlan,
  word: string | undefined,
  options: Options,
  host: Host,
): Promise<Chosen[]> {
  const group = word === undefined ? null : findGroup(plan, word);
  if (!group) {
    const backup = restored(plan, word, options);
    const { type, spec } = backup.source;
    // A mistake of the command line is told before anything is read.
    if (findSource(type).restores(spec, backup.restore.options) !== 'database')
      await restoreTarget(plan, backup, options.to, options.only);
    return [{ backup, origin: await originOf(plan, backup, options, host) }];
  }
  for (const name of ['file', 'to', 'only'] as const)
    if (options[name] !== undefined)
      throw new RunnerError(
        `"${group.name}" is a group, whose backups go back to where they came from: --${name} speaks of one of ${group.members.join(', ')}`,
        { exitCode: 4 },
      );
  return withShelves(plan, fromDestination(plan, options.from), null, host, async (shelves) => {
    tellFailures(shelves, host);
    const set = await chooseSet(plan, group, options, shelves);
    return set.map((one) => ({ backup: findBackup(plan, one.row.backup), origin: told(plan, one, options, host) }));
  });
}

async function originOf(plan: ResolvedPlan, backup: ResolvedBackup, options: Options, host: Host): Promise<Origin> {
  if (options.file !== undefined) {
    const { file, ...rest } = await outsideArtifact(plan, backup, options.file);
    return { ...rest, from: { file } };
  }
  const names = fromDestination(plan, options.from);
  return withShelves(plan, names, backup.name, host, async (shelves) => {
    tellFailures(shelves, host);
    return told(plan, await choose(plan, backup, options, shelves), options, host);
  });
}

/** Says what was chosen. */
function told(plan: ResolvedPlan, chosen: ChosenCopies, { quiet }: Options, host: Host): Origin {
  const { row, copies, remarks } = chosen;
  const { manifest, place } = copies[0]!;
  if (!quiet) {
    const time = wallClock(new Date(manifest.moment.to), plan.timezone);
    host.terminal.say(`${row.id} from ${place.name}: data as of ${time} ${plan.timezone}\n`);
  }
  for (const remark of remarks) host.terminal.say(`note: ${remark}\n`);
  return { id: row.id, manifest, from: { destination: place.name } };
}
