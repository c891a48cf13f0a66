/** What a manifest says of its artifacts, one by one. */
import type { PartId } from '../graph.ts';
import type { Made } from '../kind.ts';
import type { Artifact, Manifest } from './format.ts';
import { parseId } from './identity.ts';
import { partSuffix } from './part-name.ts';

/** Who an artifact is among those of its backup. */
export function partOf({ name, purpose }: Artifact): PartId {
  return { name: name ?? null, purpose };
}

/** The artifact of a part, or undefined. */
export function artifactOf(manifest: Manifest, part: PartId): Artifact | undefined {
  return manifest.artifacts.find(({ name, purpose }) => (name ?? null) === part.name && purpose === part.purpose);
}

/** Bytes of all artifacts. */
export function sizeOf({ artifacts }: Pick<Manifest, 'artifacts'>): number {
  return artifacts.reduce((sum, { size }) => sum + size, 0);
}

/** Bytes of its plain stream; null where nobody counted. */
export function plainSizeOf(manifest: Manifest, artifact: Artifact): number | null {
  return artifact.plainSize === undefined ? manifest.plainSize : artifact.plainSize;
}

/** The commands that open it by hand; `ARTIFACT` stands for its file. */
export function recoveryOf(manifest: Manifest, artifact: Artifact): string[] {
  return artifact.recovery ?? manifest.recovery;
}

/** What its source answered when it was made, by question. */
export function answersOf(manifest: Manifest, artifact: Artifact): Record<string, string> {
  return artifact.answers ?? manifest.answers ?? {};
}

/** How it was made, for the kind that opens it. The extension is empty where a `layout` left it out. */
export function madeOf(manifest: Manifest, artifact: Artifact): Made {
  const { version = null, facts } = manifest.source;
  return { extension: plainExtension(manifest, artifact), version, facts: { ...facts, ...artifact.facts } };
}

/** What stands between the time, with the part's name, and the extensions of the transforms. */
function plainExtension({ id }: Manifest, artifact: Artifact): string {
  const name = artifact.key.slice(artifact.key.lastIndexOf('/') + 1);
  const transforms = artifact.stages.map(({ extension }) => extension).join('');
  const rest = name.endsWith(transforms) ? name.slice(0, name.length - transforms.length) : name;
  const stamp = parseId(id)!.stamp;
  const behind = rest.slice(rest.indexOf(stamp) + stamp.length);
  const part = partSuffix(artifact);
  const at = behind.indexOf(`${part}.`);
  return at < 0 ? '' : behind.slice(at + part.length);
}

/** For a person: `orders`, `globals`, or nothing for the only artifact of a backup. */
export function partLabel({ name, purpose }: PartId): string {
  return purpose === 'globals' ? 'globals' : (name ?? '');
}
