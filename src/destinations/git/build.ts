/** Makes commits out of edits, by `git fast-import`: no index, no work tree, no filter. */

import { pathOfKey, quotedPath, stampName } from './names.ts';
import type { Git } from './program.ts';
import { artifactFolder, type Entry, keyFolder, type View } from './view.ts';

export type Edit =
  | { set: string; bytes: Uint8Array }
  | { artifact: string; tree: string; size: number }
  | { remove: string }
  | { revoke: string };

/** A commit of the branch that shows a backup: `tree` replaces `folder`; null empties it. */
export type Shown = { id: string; folder: string; tree: string | null; message: string; author: string; date: Date };

/** What the view becomes by edits, and the lines for Git that make it so. */
export class Draft {
  readonly view: View & { entries: Map<string, Entry>; commits: Map<string, string>; revoked: Map<string, Date> };
  private readonly lines: (string | Uint8Array)[] = [];
  private readonly said: string[] = [];

  constructor(
    private readonly name: string,
    view: View,
    private readonly now: Date,
  ) {
    const { tips, entries, commits, revoked } = view;
    this.view = { tips: { ...tips }, entries: new Map(entries), commits: new Map(commits), revoked: new Map(revoked) };
  }

  get isEmpty(): boolean {
    return this.lines.length === 0;
  }

  apply(edit: Edit): void {
    const { entries, revoked } = this.view;
    if ('revoke' in edit) {
      revoked.set(edit.revoke, this.now);
      this.put(`revoked/${edit.revoke}/${this.now.getTime().toString(36)}`, Buffer.alloc(0));
      return;
    }
    const key = 'set' in edit ? edit.set : 'remove' in edit ? edit.remove : edit.artifact;
    const path = pathOfKey(this.name, key);
    const before = entries.get(key);
    if (before) this.drop(keyFolder(path));
    if ('remove' in edit) {
      if (before?.isArtifact) this.drop(artifactFolder(path));
      entries.delete(key);
      const id = /([^/]+)\.manifest\.json$/.exec(key)?.[1];
      for (const [commit, shown] of this.view.commits) if (shown === id) this.forget(commit);
    } else if ('set' in edit) {
      const place = `${keyFolder(path)}/${stampName(this.now, null)}`;
      this.put(place, edit.bytes);
      entries.set(key, { path: place, size: edit.bytes.length, modified: this.now, isArtifact: false });
    } else {
      const place = `${keyFolder(path)}/${stampName(this.now, edit.size)}`;
      this.put(place, Buffer.alloc(0));
      this.lines.push(`M 040000 ${edit.tree} ${quotedPath(artifactFolder(path))}\n`);
      entries.set(key, { path: place, size: edit.size, modified: this.now, isArtifact: true });
    }
    this.said.push(`${'remove' in edit ? 'removes' : 'writes'} ${key}`);
  }

  /** Notes which commit shows a backup, so that it can be asked for by the commit. */
  note(commit: string, id: string): void {
    this.view.commits.set(commit, id);
    this.put(`commits/${commit}/${id}`, Buffer.alloc(0));
  }

  private forget(commit: string): void {
    this.view.commits.delete(commit);
    this.drop(`commits/${commit}`);
  }

  private drop(path: string): void {
    this.lines.push(`D ${quotedPath(path)}\n`);
  }

  private put(path: string, bytes: Uint8Array): void {
    this.lines.push(`M 100644 inline ${quotedPath(path)}\ndata ${bytes.length}\n`, bytes, '\n');
  }

  /** The commit of the bookkeeping. Marks of attempts that were given up a week ago mean nothing any more. */
  async commit(git: Git, ref: string): Promise<string> {
    for (const [hash, time] of this.view.revoked) {
      if (this.now.getTime() - time.getTime() < 7 * 24 * 3_600_000) continue;
      this.view.revoked.delete(hash);
      this.drop(`revoked/${hash}`);
    }
    const who = personLine('committer', 'runner <runner@localhost>', this.now);
    const message = this.said.length === 1 ? this.said[0]! : `${this.said.length} changes\n\n${this.said.join('\n')}`;
    const id = await importCommit(git, ref, { who, message, from: this.view.tips.state, lines: this.lines });
    this.view.tips.state = id;
    return id;
  }

  /** The commit that people see. */
  async show(git: Git, ref: string, shown: Shown): Promise<void> {
    const { author, date, message, tree, folder } = shown;
    const who = `${personLine('author', author, date)}${personLine('committer', author, date)}`;
    const path = quotedPath(Buffer.from(folder).toString('latin1'));
    const lines = tree === null ? [`D ${path}\n`] : [`M 040000 ${tree} ${path}\n`];
    const id = await importCommit(git, ref, { who, message, from: this.view.tips.branch, lines });
    this.view.tips.branch = id;
    this.note(id, shown.id);
  }
}

function personLine(word: string, person: string, date: Date): string {
  const match = /^([^<>\n]*?)\s*<([^<>\n]*)>$/.exec(person);
  const [, name, mail] = match ?? ['', person.replace(/[<>\n]/g, ''), ''];
  const text = Buffer.from(`${word} ${name} <${mail}> ${Math.floor(date.getTime() / 1000)} +0000\n`);
  return text.toString('latin1');
}

type Commit = { who: string; message: string; from: string | null; lines: readonly (string | Uint8Array)[] };

/** Texts are latin1, a character a byte; the message is text. */
async function importCommit(git: Git, ref: string, { who, message, from, lines }: Commit): Promise<string> {
  const text = Buffer.from(message);
  const head = [`commit ${ref}\nmark :1\n${who}data ${text.length}\n`, text, from === null ? '\n' : `\nfrom ${from}\n`];
  const all = ['feature done\n', ...head, ...lines, 'get-mark :1\ndone\n'];
  const input = Buffer.concat(all.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const { ok, stdout, stderr } = await git.run(['fast-import', '--force', '--quiet', '--done'], { input });
  const id = stdout.trim();
  if (!ok || !/^[0-9a-f]{40,64}$/.test(id))
    throw new Error(`git fast-import failed in ${git.directory}: ${stderr.trim()}`);
  return id;
}
