/** The parts of a backup: those that a capture will make, and those that a manifest names, each with the spec that opens it. */
import { artifactOf, madeOf, partLabel, partOf } from '../catalog/artifacts.ts';
import type { Artifact, Manifest } from '../catalog/format.ts';
import { partSuffix } from '../catalog/part-name.ts';
import type { PartId, Requirement } from '../graph.ts';
import type { Facts, Made } from '../kind.ts';
import type { Configured } from '../plan/resolved.ts';
import { findSource } from '../registry.ts';

/** One part with its source: `source.spec` is what capture, content and restore of this part are given. */
export type PlannedPart = PartId & { source: Configured };

/** One artifact of a committed backup, with what opens it. */
export type OpenPart = PlannedPart & { artifact: Artifact; made: Made };

/**
 * The parts that a capture with these facts makes: a single one without a name for most. `problem` says why it is not known
 * what there is to be read; then there are none.
 */
export function plannedParts(source: Configured, facts: Facts): { parts: PlannedPart[]; problem: string | null } {
  const single: PlannedPart = { name: null, purpose: 'data', source };
  try {
    const parts = findSource(source.type).parts?.(source.spec, facts) ?? null;
    if (parts === null) return { parts: [single], problem: null };
    if (parts.length === 0)
      return { parts: [], problem: 'nothing of it is chosen by the plan, so there is nothing to back up' };
    // Their artifacts would have the same key.
    const names = new Set(parts.map(partSuffix));
    if (names.size < parts.length) return { parts: [], problem: 'two parts of it have the same name' };
    const all = parts.map(({ name, purpose, spec }) => ({ name, purpose, source: { ...source, spec: { ...spec } } }));
    return { parts: all, problem: null };
  } catch (error) {
    return { parts: [], problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The same as what preflight tells: this backup alone cannot be made. */
export function partsProblem(backup: string, problem: string | null): Requirement[] {
  if (problem === null) return [];
  return [{ need: 'fact', problem: `backup "${backup}": ${problem}`, backups: [backup] }];
}

/** Every artifact of a manifest; `source` is today's. Throws where a kind cannot tell the spec of a part that it once made. */
export function partsOf(manifest: Manifest, source: Configured, facts: Facts): OpenPart[] {
  return manifest.artifacts.map((artifact) => {
    const id = partOf(artifact);
    return { ...id, source: sourceOfPart(source, id, facts), artifact, made: madeOf(manifest, artifact) };
  });
}

/** The one part that a person names; a single artifact may be meant by no name. Undefined: there is no such part. */
export function partNamed(manifest: Manifest, name: string | null): PartId | undefined {
  if (name === null && manifest.artifacts.length === 1) return partOf(manifest.artifacts[0]!);
  const exact = artifactOf(manifest, { name, purpose: 'data' });
  if (exact) return partOf(exact);
  const globals = manifest.artifacts.find(({ purpose }) => purpose === 'globals');
  return globals && name === 'globals' ? partOf(globals) : undefined;
}

/** The source with the spec of one of its parts. */
export function sourceOfPart(source: Configured, part: PartId, facts: Facts): Configured {
  if (part.name === null) return source;
  const kind = findSource(source.type);
  const which = { name: part.name, purpose: part.purpose };
  const spec =
    kind.part?.(source.spec, which) ??
    plannedParts(source, facts).parts.find(({ name, purpose }) => name === which.name && purpose === which.purpose)
      ?.source.spec;
  if (!spec) throw new Error(`a source of type ${source.type} cannot tell how "${partLabel(part)}" was backed up`);
  return { ...source, spec: { ...spec } };
}
