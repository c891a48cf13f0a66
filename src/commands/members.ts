/** What `ls` and `cat` share: find the backup, ask its kind for a program, let the program print. */
import { artifactOf, madeOf, partLabel, partOf } from '../catalog/artifacts.ts';
import type { Manifest } from '../catalog/format.ts';
import type { Command } from '../command.ts';
import { partNamed, sourceOfPart } from '../compile/parts.ts';
import { ExitCode, RunnerError } from '../diagnostic.ts';
import type { Facts } from '../kind.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { programFacts } from '../programs.ts';
import { type AnySource, findSource, findTransform } from '../registry.ts';
import { oneLine } from '../report/human.ts';
import type { Host, Invocation } from './command.ts';
import { backupOf, findRow, readCopies } from './find.ts';
import { lookInside } from './inside.ts';
import { findBackup, fromDestination, openPlan } from './plan-file.ts';
import { tellFailures, withShelves } from './shelves.ts';

/** Null when the kind has no members inside. */
export type Ask = (kind: AnySource, spec: object, facts: Facts) => Command | null;

/**
 * Prints what the program says of the backup's inside; the reader may leave at any moment. Of a backup in several parts
 * `--part` says which; `parts` is what is done where it does not.
 */
export async function printInside(
  invocation: Invocation,
  host: Host,
  ask: Ask,
  parts: 'list' | 'refuse',
): Promise<ExitCode> {
  const id = invocation.words[0]!;
  const name = backupOf(id);
  const plan = await openPlan(invocation, host);
  const backup = findBackup(plan, name);
  const installed = { programs: await programFacts(programsOf(plan, backup), host.environment) };
  const names = fromDestination(plan, invocation.options.from);
  const warn = (message: string) => host.terminal.say(`warning: ${message}\n`);
  return withShelves(plan, names, name, host, async (shelves) => {
    tellFailures(shelves, host);
    const [copy] = await readCopies(await findRow(plan, shelves, id), shelves.places, warn);
    if (!copy) throw new RunnerError(`no readable destination holds the manifest of ${id}`);
    const { manifest } = copy;
    const part = partNamed(manifest, invocation.options.part ?? null);
    if (!part && invocation.options.part === undefined && parts === 'list') {
      host.terminal.data(manifest.artifacts.map((artifact) => `${oneLine(partLabel(partOf(artifact)))}\n`).join(''));
      return ExitCode.success;
    }
    if (!part) throw noPart(manifest, invocation.options.part);
    const facts = { ...installed, made: madeOf(manifest, artifactOf(manifest, part)!) };
    const { type, spec } = sourceOfPart(backup.source, part, facts);
    const command = ask(findSource(type), spec, facts);
    if (!command) {
      const hint = 'it is one piece; `runner restore --to` brings it out';
      throw new RunnerError(`a ${type} backup has nothing inside to list: ${hint}`, { exitCode: ExitCode.usage });
    }
    const { readSecret } = shelves;
    try {
      await lookInside({ plan, backup, copy, facts, readSecret, host, part }, command, host.terminal.bytes());
    } catch (error) {
      // `| head` has seen enough, and that is no fault.
      if (!host.terminal.deaf) throw error;
    }
    return ExitCode.success;
  });
}

function noPart(manifest: Manifest, name: string | undefined): RunnerError {
  const all = manifest.artifacts.map((artifact) => partLabel(partOf(artifact)));
  const listed = all.length > 12 ? `${all.slice(0, 12).join(', ')} and ${all.length - 12} more` : all.join(', ');
  const what = name === undefined ? 'say which part is meant by --part' : `there is no part "${name}" in it`;
  return new RunnerError(`${manifest.id}: ${what}: ${oneLine(listed) || 'it is one piece'}`, {
    exitCode: ExitCode.usage,
  });
}

function programsOf(plan: ResolvedPlan, backup: ResolvedBackup): string[] {
  const transforms = plan.backups.flatMap((other) => other.transforms);
  return [
    ...findSource(backup.source.type).programs(backup.source.spec),
    ...transforms.flatMap(({ type, spec }) => findTransform(type).programs(spec)),
  ];
}
