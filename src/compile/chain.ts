/** The transforms of a backup as the links of a pipeline, forward from a plan and backward from a manifest. */

import { keyFile } from '../catalog/key-file.ts';
import type { Command, Stage } from '../command.ts';
import type { Requirement, StageRecord } from '../graph.ts';
import type { Facts, Inspection, KeyReference } from '../kind.ts';
import type { Configured, ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource, findTransform } from '../registry.ts';
import { inspectionKey } from './facts.ts';

export type Chain = {
  stages: Stage[];
  records: StageRecord[];
  keys: KeyReference[];
  /** What the transforms append to the extension of the plain stream. */
  extension: string;
  requirements: Requirement[];
};

/** Forward: what turns the plain stream into the artifact. Inspections are keyed by `inspectionKey`. */
export function sealingChain(
  backup: ResolvedBackup,
  facts: Facts,
  inspections: Readonly<Record<string, Inspection>>,
): Chain {
  const links = backup.transforms.map((transform, index) => {
    const kind = findTransform(transform.type);
    const inspection = inspections[inspectionKey(backup.name, index)] ?? null;
    return { kind, spec: transform.spec, inspection };
  });
  return {
    stages: links.map(({ kind, spec, inspection }) => kind.forward(spec, facts, inspection)),
    records: links.map(({ kind, spec }) => kind.record(spec)),
    keys: links.flatMap(({ kind, spec, inspection }) => kind.keys(spec, inspection)),
    extension: links.map(({ kind }) => kind.extension).join(''),
    requirements: links.flatMap(({ kind, spec }) => kind.requirements(spec, 'forward', facts)),
  };
}

/**
 * Backward: what turns an artifact into the plain stream, the outermost link first. Parameters come from the manifest;
 * keys come from the plan: the backup's own transform of that type, else any other in the plan.
 */
export function openingChain(
  plan: ResolvedPlan,
  backup: ResolvedBackup | null,
  records: StageRecord[],
  facts: Facts,
): { stages: Stage[]; requirements: Requirement[] } {
  const links = records.toReversed().map((record) => {
    const kind = findTransform(record.type);
    return { kind, record, spec: specFor(plan, backup, record) };
  });
  return {
    stages: links.map(({ kind, spec, record }) => kind.inverse(spec, record, facts)),
    requirements: links.flatMap(({ kind, spec }) => kind.requirements(spec, 'inverse', facts)),
  };
}

function specFor(plan: ResolvedPlan, backup: ResolvedBackup | null, record: StageRecord): object {
  const own = backup?.transforms ?? [];
  const all = [...own, ...plan.backups.flatMap((other) => other.transforms)];
  return all.find((transform: Configured) => transform.type === record.type)?.spec ?? {};
}

/**
 * The shell pipeline of stock programs that recovers the data of a source (or of one part of it) from ARTIFACT. A passphrase
 * stands there as the file of its secret's name, since two links may have two.
 */
export function recoveryLine(backup: ResolvedBackup, source: Configured): string {
  const links = backup.transforms.toReversed().map(({ type, spec }) => {
    const kind = findTransform(type);
    const line = kind.manual(kind.record(spec));
    const [key] = kind.keys(spec, null);
    return key ? line.replaceAll('PASSPHRASE_FILE', keyFile(key.id)) : line;
  });
  return ['cat ARTIFACT', ...links, findSource(source.type).manual(source.spec)].join(' | ');
}

/** Prefixes that lower the priority of every program of a capture. */
export function prioritized(command: Command, priority: ResolvedBackup['priority']): Command {
  const prefix = [
    ...(priority?.nice === undefined ? [] : ['nice', '-n', String(priority.nice)]),
    ...(priority?.io === undefined || priority.io === 'normal'
      ? []
      : ['ionice', '-c', ...(priority.io === 'idle' ? ['3'] : ['2', '-n', '7'])]),
  ];
  return prefix.length === 0 ? command : { ...command, argv: [...prefix, ...command.argv] };
}

export function prioritizedStage(stage: Stage, priority: ResolvedBackup['priority']): Stage {
  return { ...stage, command: prioritized(stage.command, priority) };
}
