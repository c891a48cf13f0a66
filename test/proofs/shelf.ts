/** Real shelves without real runs: a backup that the program made is laid out again under other ids. */
import { copyFile, link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalText } from '../../src/catalog/document.ts';
import { type Finding, type FindingResult, Format, type Manifest } from '../../src/catalog/format.ts';
import { parseId } from '../../src/catalog/identity.ts';
import { manifestKey, recordKey } from '../../src/catalog/keys.ts';
import { sha256Of } from '../../src/catalog/manifest.ts';

export type Model = { manifest: Manifest; root: string };

/** The manifest of a backup at the folder of a local destination. */
export async function modelOf(root: string, plan: string, id: string): Promise<Model> {
  return { root, manifest: JSON.parse(await readFile(join(root, manifestKey(plan, id)), 'utf8')) };
}

export type Copied = {
  marks?: [Finding, FindingResult][];
  change?: Partial<Manifest>;
  /** A hard link to the model's artifact is enough where nothing writes into artifacts. */
  linked?: boolean;
  /** Folder of the destination; the model's own where none is given. */
  root?: string;
};

/** Lays out one committed backup with the bytes of the model's; returns the keys of its files. */
export async function layAgain({ manifest: model, root: from }: Model, id: string, o: Copied = {}): Promise<string[]> {
  const plan = model.plan.name;
  const root = o.root ?? from;
  const { time, stamp } = parseId(id)!;
  const moment = time.toISOString();
  const artifacts = model.artifacts.map((one) => ({
    ...one,
    key: `${manifestKey(plan, id).slice(0, -'.manifest.json'.length)}${extensionOf(one.key)}`,
  }));
  const { mac: _, ...bare } = model;
  const manifest: Manifest = {
    ...bare,
    id,
    created: moment,
    moment: { from: moment, to: moment },
    artifacts,
    ...o.change,
  };
  const bytes = Buffer.from(canonicalText(manifest));
  const keys: string[] = [];
  const place = async (key: string) => {
    keys.push(key);
    await mkdir(dirname(join(root, key)), { recursive: true });
    return join(root, key);
  };
  for (const [index, { key }] of artifacts.entries()) {
    await (o.linked ? link : copyFile)(join(from, model.artifacts[index]!.key), await place(key));
  }
  await writeFile(await place(manifestKey(plan, id)), bytes);
  for (const [finding, result] of o.marks ?? [['checksum', 'pass'] as const, ['content', 'pass'] as const]) {
    const record = {
      format: Format.record,
      id,
      finding,
      result,
      time: moment,
      run: model.run,
      manifest: sha256Of(bytes),
      destination: 'disk',
    };
    await writeFile(await place(recordKey(plan, id, finding, result, stamp, 'laid00')), canonicalText(record));
  }
  return keys;
}

/** Everything from the first dot behind the id. */
function extensionOf(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return name.slice(name.indexOf('.'));
}

/** An id of `backup` at a time. */
export function idAt(backup: string, time: Date, index: number): string {
  const stamp = time.toISOString().replace(/[-:]|\.\d+/g, '');
  return `${backup}-${stamp}-${String((index * 7919) % 1_000_000).padStart(6, '0')}`;
}
