/** `--file`: an artifact that lies outside the catalogue. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { partOf } from '../catalog/artifacts.ts';
import { Format, type Manifest } from '../catalog/format.ts';
import { parseId } from '../catalog/identity.ts';
import { decodeSuffix } from '../catalog/part-name.ts';
import { refuse } from '../diagnostic.ts';
import type { PartId, StageRecord } from '../graph.ts';
import type { Configured, ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource, findTransform, transforms } from '../registry.ts';

/** `part` is null where the backup has no other artifact. */
export type Outside = {
  file: string;
  id: string;
  manifest: Manifest | null;
  records: StageRecord[];
  part: PartId | null;
};

/** The manifest beside the file says how it was made; without one its extensions do. Throws RunnerError (exit 4). */
export async function outsideArtifact(plan: ResolvedPlan, backup: ResolvedBackup, path: string): Promise<Outside> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    throw refuse(`${path} is no file; fetch it first, with its manifest beside it if there is one`);
  }
  const file = resolve(path);
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw refuse(`the artifact ${path} cannot be read (${error.code ?? error.message})`);
  });
  if (!found.isFile()) throw refuse(`the artifact ${path} is no file`);
  const manifest = await manifestBeside(file);
  const artifact = manifest?.artifacts.find(({ key }) => basename(key) === basename(file));
  if (manifest && artifact)
    return { file, id: manifest.id, manifest, records: artifact.stages, part: named(partOf(artifact)) };
  return { file, id: basename(file), manifest: null, ...byName(plan, backup, basename(file)) };
}

function named(part: PartId): PartId | null {
  return part.name === null ? null : part;
}

async function manifestBeside(file: string): Promise<Manifest | null> {
  const stem = basename(file).split('.', 1)[0]!;
  const text = await readFile(join(dirname(file), `${stem}.manifest.json`), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const manifest = JSON.parse(text) as Manifest;
    const artifact = manifest.artifacts.find(({ key }) => basename(key) === basename(file));
    return manifest.format === Format.manifest && artifact ? manifest : null;
  } catch {
    throw refuse(`the manifest beside ${file} is damaged; move it away to restore without its checks`);
  }
}

/**
 * The backup of the plan that an artifact is of: its manifest says so, else the extensions, where several have the same the
 * beginning of its name. Throws RunnerError (exit 4) where that does not tell.
 */
export async function backupOfFile(plan: ResolvedPlan, path: string): Promise<ResolvedBackup> {
  const [only, second] = plan.backups;
  if (only && !second) return only;
  const name = basename(path);
  const known = (await manifestBeside(resolve(path)))?.backup;
  const made = plan.backups.find((backup) => backup.name === known);
  if (made) return made;
  const fitting = plan.backups.filter((backup) => looksLike(plan, backup, name));
  const [named] = fitting
    .filter((backup) => name.startsWith(backup.name) && !/^[a-z0-9]/.test(name.slice(backup.name.length)))
    .toSorted((left, right) => right.name.length - left.name.length);
  if (named) return named;
  if (fitting.length === 1) return fitting[0]!;
  const all = (fitting.length > 0 ? fitting : plan.backups).map((backup) => backup.name).join(', ');
  throw refuse(`${name} does not tell of which backup it is; say one of ${all}`);
}

function looksLike(plan: ResolvedPlan, backup: ResolvedBackup, name: string): boolean {
  try {
    byName(plan, backup, name);
    return true;
  } catch {
    return false;
  }
}

/** Extensions from the outermost in: `.sqlite.zst.enc` was zstd, then aes. What stands between them and the id is a part. */
function byName(plan: ResolvedPlan, backup: ResolvedBackup, name: string): Pick<Outside, 'records' | 'part'> {
  const plain = plainExtensions(backup.source);
  const records: StageRecord[] = [];
  let rest = name;
  for (;;) {
    const end = plain.find((extension) => rest.endsWith(extension));
    if (end !== undefined) return { records, part: partInName(rest.slice(0, rest.length - end.length)) };
    const kind = transforms.find(({ extension }) => rest.endsWith(extension));
    if (!kind) {
      throw refuse(
        `${name} does not look like an artifact of "${backup.name}": ${plain.join(' or ')} and extensions of transforms were expected`,
      );
    }
    records.unshift(recordOf(plan, backup, kind.type));
    rest = rest.slice(0, -kind.extension.length);
  }
}

/** Of its data, and of what belongs to the server. */
function plainExtensions({ type, spec }: Configured): string[] {
  const kind = findSource(type);
  const globals = kind.part?.(spec, { name: 'globals', purpose: 'globals' });
  return [...new Set([kind.extension(spec), ...(globals ? [kind.extension(globals)] : [])])];
}

/** Behind the first dot: an id has none. Other names are a person's own, and say nothing. */
function partInName(stem: string): PartId | null {
  const dot = stem.indexOf('.');
  if (dot < 0 || !parseId(stem.slice(0, dot))) return null;
  return decodeSuffix(stem.slice(dot));
}

/** Parameters such as the cost of a key are in no extension: the plan's own transform of that type has them. */
function recordOf(plan: ResolvedPlan, backup: ResolvedBackup, type: string): StageRecord {
  const kind = findTransform(type);
  const all = [...backup.transforms, ...plan.backups.flatMap((other) => other.transforms)];
  const configured = all.find((transform) => transform.type === type);
  return configured ? kind.record(configured.spec) : { type, extension: kind.extension, parameters: {} };
}
