/** The commit that people see, as the manifest of a backup wants it. */
import type { Shown } from './build.ts';
import { fill, folderOf, type GitSpec } from './spec.ts';
import type { View } from './view.ts';

type Known = { id: string; plan: string; backup: string; host: string; time: string; artifact: string };

/** What a manifest says, as far as a commit needs it; null where it asks for none: a safety copy, or several artifacts. */
export function readManifest(key: string, bytes: Uint8Array): Known | null {
  if (!key.endsWith('.manifest.json')) return null;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
  const { id, plan, backup, host, purpose, moment, artifacts } = (value ?? {}) as Record<string, unknown>;
  const [only, ...others] = Array.isArray(artifacts) ? (artifacts as { key?: unknown }[]) : [];
  const time = (moment as { to?: unknown } | undefined)?.to;
  const name = (plan as { name?: unknown } | undefined)?.name;
  const texts = [id, name, backup, host, time, only?.key];
  if (purpose !== 'backup' || others.length > 0 || !texts.every((text) => typeof text === 'string')) return null;
  return { id, plan: name, backup, host, time, artifact: only!.key } as Known;
}

/** A later backup is shown already: this one came by a copy from elsewhere, and does not turn the branch back. */
export function isOvertaken(view: View, manifestKey: string, { plan, backup }: Known): boolean {
  for (const key of view.entries.keys())
    if (key.startsWith(`${plan}/${backup}/`) && key.endsWith('.manifest.json') && key > manifestKey) return true;
  return false;
}

export function shownOf(spec: GitSpec, known: Known, tree: string | null): Shown {
  const { id, plan, backup, host } = known;
  const date = new Date(known.time);
  const time = `${date.toISOString().slice(0, 19)}Z`;
  const message = fill(spec.message ?? 'Backup of {backup} at {time}', { id, plan, backup, host, time }).trim();
  return {
    id,
    folder: folderOf(spec, plan, backup),
    tree,
    message: `${message}\n\nRunner-Backup: ${id}\n`,
    author: spec.author ?? `runner <runner@${host}>`,
    date,
  };
}
