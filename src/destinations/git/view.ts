/** The bookkeeping as one commit has it: which keys there are, and where. */

import { keyOfPath } from './names.ts';
import type { Git } from './program.ts';
import type { Tips } from './remote.ts';

/** `path` is that in the tree: of a small object itself, of an artifact an empty file, its pieces lie in a tree of their own. */
export type Entry = { path: string; size: number; modified: Date; isArtifact: boolean };

export type View = {
  tips: Tips;
  entries: ReadonlyMap<string, Entry>;
  /** Commits of the branch, and the id of the backup that each shows. */
  commits: ReadonlyMap<string, string>;
  /** Attempts that somebody has given up: they may not be published any more. The time of it. */
  revoked: ReadonlyMap<string, Date>;
};

/** `keys/KEY~/TIME`; an artifact's file there is empty and says its size: `keys/KEY~/TIME-SIZE`. */
export const keyFolder = (path: string): string => `keys/${path}`;
export const artifactFolder = (path: string): string => `artifacts/${path}`;

export async function readView(git: Git, tips: Tips): Promise<View> {
  const entries = new Map<string, Entry>();
  const commits = new Map<string, string>();
  const revoked = new Map<string, Date>();
  const view: View = { tips, entries, commits, revoked };
  if (tips.state === null) return view;
  const listed = await git.bytes(['ls-tree', '-r', '-z', '-l', tips.state, '--', 'keys', 'commits', 'revoked']);
  for (const record of listed.toString('latin1').split('\0')) {
    const match = /^\d+ blob [0-9a-f]+ +(\d+)\t([a-z]+)\/(.+)$/s.exec(record);
    if (!match) continue;
    const [, bytes, folder, path] = match as unknown as [string, string, string, string];
    if (folder === 'keys') {
      const found = keyOfPath(path);
      if (!found) continue;
      const { key, modified, size } = found;
      const entry = { path: `keys/${path}`, size: size ?? Number(bytes), modified, isArtifact: size !== null };
      entries.set(key, entry);
    }
    const [name, rest] = path.split('/') as [string, string];
    if (folder === 'commits') commits.set(name, rest);
    if (folder === 'revoked') revoked.set(name, new Date(Number.parseInt(rest, 36)));
  }
  return view;
}
