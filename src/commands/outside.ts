/** `--file`: an artifact that lies outside the catalogue. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Format, type Manifest } from '../catalog/format.ts';
import { RunnerError } from '../diagnostic.ts';
import type { StageRecord } from '../graph.ts';
import type { ResolvedBackup, ResolvedPlan } from '../plan/resolved.ts';
import { findSource, findTransform, transforms } from '../registry.ts';

export type Outside = { file: string; id: string; manifest: Manifest | null; records: StageRecord[] };

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
  if (manifest) return { file, id: manifest.id, manifest, records: manifest.artifacts[0]?.stages ?? [] };
  return { file, id: basename(file), manifest: null, records: recordsOf(plan, backup, basename(file)) };
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

/** Extensions from the outermost in: `.sqlite.zst.enc` was zstd, then aes. */
function recordsOf(plan: ResolvedPlan, backup: ResolvedBackup, name: string): StageRecord[] {
  const plain = findSource(backup.source.type).extension(backup.source.spec);
  const records: StageRecord[] = [];
  let rest = name;
  while (!rest.endsWith(plain)) {
    const kind = transforms.find(({ extension }) => rest.endsWith(extension));
    if (!kind) {
      throw refuse(
        `${name} does not look like an artifact of "${backup.name}": ${plain} and extensions of transforms were expected`,
      );
    }
    records.unshift(recordOf(plan, backup, kind.type));
    rest = rest.slice(0, -kind.extension.length);
  }
  return records;
}

/** Parameters such as the cost of a key are in no extension: the plan's own transform of that type has them. */
function recordOf(plan: ResolvedPlan, backup: ResolvedBackup, type: string): StageRecord {
  const kind = findTransform(type);
  const all = [...backup.transforms, ...plan.backups.flatMap((other) => other.transforms)];
  const configured = all.find((transform) => transform.type === type);
  return configured ? kind.record(configured.spec) : { type, extension: kind.extension, parameters: {} };
}

function refuse(message: string): RunnerError {
  return new RunnerError(message, { exitCode: 4 });
}
