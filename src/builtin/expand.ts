import { type BigIntStats, lstatSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { Failure, option } from './failure.ts';
import { matcher } from './pattern.ts';

/** File names are bytes. As latin1 text each byte is one character, so any name passes through unharmed. */
const toText = (path: string) => Buffer.from(path, 'utf8').toString('latin1');
const toPath = (text: string) => Buffer.from(text, 'latin1');
const shown = (text: string) => toPath(text).toString('utf8');

/**
 * `expand --base DIR --output FILE [--optional] -- PATH...`: looks up paths and globs below DIR and writes the names that
 * it found, each ended by NUL, for `tar --null --files-from`. A path that does not exist, or a glob that matches
 * nothing, is a failure unless `--optional`; nothing found at all is one in any case.
 */
export function expand(args: string[]): void {
  const base = toText(option(args, 'base') ?? '/');
  const output = option(args, 'output');
  const separator = args.indexOf('--');
  if (!output || separator < 0) throw new Failure('wants --output FILE -- PATH...');
  const optional = args.slice(0, separator).includes('--optional');
  const found = new Set<string>();
  for (const path of args.slice(separator + 1)) {
    const names = lookUp(base, toText(path));
    if (names.length === 0 && !optional) throw new Failure(missing(path, shown(base)));
    for (const name of names) found.add(name);
  }
  if (found.size === 0) throw new Failure('none of the paths exists: there is nothing to back up');
  const names = [...found].filter((name) => !isCovered(base, name, found));
  writeFileSync(output, Buffer.concat(names.map((name) => toPath(`${name}\0`))), { mode: 0o600 });
}

function missing(path: string, base: string): string {
  const place = path.startsWith('/') ? path : `${base.replace(/\/$/, '')}/${path}`;
  return /[*?[]/.test(path) ? `nothing matches ${place}` : `${place} does not exist`;
}

const join = (base: string, name: string) =>
  name.startsWith('/') ? name : base.endsWith('/') ? base + name : `${base}/${name}`;

/** The names that a path of the plan stands for: itself where it exists as it is written, else what its globs match. */
function lookUp(base: string, path: string): string[] {
  if (status(join(base, path))) return [path];
  if (!/[*?[]/.test(path)) return [];
  const absolute = path.startsWith('/');
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  return segments
    .reduce((names, segment) => names.flatMap((name) => step(base, name, segment)), [absolute ? '/' : ''])
    .map((name) => (name === '' ? '.' : name));
}

/** One level deeper: `**` stays or goes down any number of folders. */
function step(base: string, folder: string, segment: string): string[] {
  const child = (name: string) => (folder === '' || folder === '/' ? folder + name : `${folder}/${name}`);
  if (segment === '**') return [folder, ...folders(base, folder).flatMap((name) => step(base, child(name), '**'))];
  if (!/[*?[]/.test(segment)) return status(join(base, child(segment))) ? [child(segment)] : [];
  const matches = matcher(segment);
  return entries(base, folder).filter(matches).map(child);
}

function entries(base: string, folder: string): string[] {
  const path = toPath(join(base, folder === '' ? '.' : folder));
  try {
    return readdirSync(path, 'latin1' as BufferEncoding).sort();
  } catch (error) {
    // A file, or gone: it has no entries. A folder that may not be read would silently leave its files out.
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'ENOENT') return [];
    throw new Failure(`${shown(path.toString('latin1'))} cannot be read (${code})`);
  }
}

function folders(base: string, folder: string): string[] {
  const inside = (name: string) => join(base, folder === '' || folder === '/' ? folder + name : `${folder}/${name}`);
  return entries(base, folder).filter((name) => status(inside(name))?.isDirectory());
}

/** Of the name itself, not of what a link points to; save with a slash at its end. */
function status(path: string): BigIntStats | null {
  try {
    const bytes = toPath(path);
    return path.endsWith('/') ? statSync(bytes, { bigint: true }) : lstatSync(bytes, { bigint: true });
  } catch {
    return null;
  }
}

/** True where tar reaches it anyway, going down from a folder that is listed too: it would be archived twice. */
function isCovered(base: string, name: string, listed: ReadonlySet<string>): boolean {
  const own = status(join(base, name));
  for (let parent = parentOf(name); parent !== null; parent = parentOf(parent)) {
    const above = status(join(base, parent));
    if (!above?.isDirectory() || above.dev !== own?.dev) return false;
    if (listed.has(parent)) return true;
  }
  return false;
}

function parentOf(name: string): string | null {
  const at = name.replace(/\/+$/, '').lastIndexOf('/');
  if (at > 0) return name.slice(0, at);
  return name === '.' || name.startsWith('/') ? null : '.';
}
