/** What `ls` and `cat` share: find the backup, ask its kind for a program, let the program print. */
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { Command } from '../graph.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { programFacts } from '../programs.ts';
import { type AnySource, findSource, findTransform } from '../registry.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow, readCopies } from './find.ts';
import { lookInside } from './inside.ts';
import { findBackup, fromDestination, openPlan } from './plan-file.ts';
import { tellFailures, withShelves } from './shelves.ts';

/** Null when the kind has no parts inside. */
export type Ask = (kind: AnySource, spec: object, facts: Facts) => Command | null;

/** Prints what the program says of the backup's inside; the reader may leave at any moment. */
export async function printInside(invocation: Invocation, host: Host, ask: Ask): Promise<ExitCode> {
  const id = invocation.words[0]!;
  const name = backupOf(id);
  const plan = await openPlan(invocation, host);
  const backup = findBackup(plan, name);
  const facts = { programs: await programFacts(programsOf(plan, backup), host.environment) };
  const { type, spec } = backup.source;
  const command = ask(findSource(type), spec, facts);
  if (!command) {
    const hint = 'it is one piece; `runner restore --to` brings it out';
    throw new RunnerError(`a ${type} backup has nothing inside to list: ${hint}`, { exitCode: ExitCode.usage });
  }
  const names = fromDestination(plan, invocation.options.from);
  const warn = (message: string) => host.terminal.say(`warning: ${message}\n`);
  return withShelves(plan, names, name, host, async (shelves) => {
    tellFailures(shelves, host);
    const [copy] = await readCopies(await findRow(plan, shelves, id), shelves.places, warn);
    if (!copy) throw new RunnerError(`no readable destination holds the manifest of ${id}`);
    const { readSecret } = shelves;
    try {
      await lookInside({ plan, backup, copy, facts, readSecret, host }, command, host.terminal.bytes());
    } catch (error) {
      // `| head` has seen enough, and that is no fault.
      if (!host.terminal.deaf) throw error;
    }
    return ExitCode.success;
  });
}

function programsOf(plan: ResolvedPlan, backup: ResolvedBackup): string[] {
  const transforms = plan.backups.flatMap((other) => other.transforms);
  return [
    ...findSource(backup.source.type).programs(backup.source.spec),
    ...transforms.flatMap(({ type, spec }) => findTransform(type).programs(spec)),
  ];
}
