/**
 * Paths of a plan begin at the folder of the file in which they are written; `~` is the home directory. Those of a source that
 * runs elsewhere are that place's, and stay as they are.
 */
import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type PathPlace, paths } from './generated/tables.ts';
import type { Loaded } from './load.ts';
import { childPointer } from './position.ts';

/** The absolute path of what is written at `pointer`; with `base`, an absolute path, it begins there. */
export function absolutePath(path: string, pointer: string, loaded: Loaded, base?: string): string {
  if (path === '~' || path.startsWith('~/')) return resolve(homedir(), path.slice(2));
  return resolve(base ?? dirname(loaded.place(pointer).file), path);
}

/** What stands where a file may stand, and is none. */
const notAFile: Record<string, RegExp> = {
  'gpg-key': /^(?:0x)?[0-9A-Fa-f]{8,64}$/,
  'age-recipient': /^(?:age1|ssh-)/,
};

/** A copy of a kind's spec, written at `pointer`, in which every path is absolute. */
export function withAbsolutePaths(
  spec: Record<string, unknown>,
  definition: string,
  pointer: string,
  loaded: Loaded,
): Record<string, unknown> {
  let result: unknown = spec;
  const all = paths[definition] ?? [];
  const own = isElsewhere(spec['run-in']) ? all.filter(({ at }) => at[0] === 'run-in') : all;
  // Those that others are relative to come first.
  for (const place of own.toSorted((a, b) => Number(Boolean(a.base)) - Number(Boolean(b.base)))) {
    const base = place.base ? (result as Record<string, unknown>)[place.base] : undefined;
    result = replaced(result, place, 0, pointer, loaded, base as string | undefined);
  }
  return result as Record<string, unknown>;
}

/** Another user of this machine sees the same files. */
export function isElsewhere(runIn: unknown): boolean {
  return typeof runIn === 'object' && runIn !== null && !('user' in runIn && Object.keys(runIn).length === 1);
}

function replaced(
  node: unknown,
  place: PathPlace,
  depth: number,
  pointer: string,
  loaded: Loaded,
  base: string | undefined,
): unknown {
  const key = place.at[depth];
  if (key === undefined) {
    if (typeof node !== 'string' || notAFile[place.format]?.test(node)) return node;
    return absolutePath(node, pointer, loaded, base);
  }
  const next = (value: unknown, name: string | number) =>
    replaced(value, place, depth + 1, childPointer(pointer, name), loaded, base);
  if (key === '*') return Array.isArray(node) ? node.map((item, index) => next(item, index)) : node;
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return node;
  return { ...node, [key]: next((node as Record<string, unknown>)[key], key) };
}
