/** The runtime of a Git destination: a store of keys and bytes in a ref of its own, and a branch that shows the newest. */
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  type Demands,
  type Destination,
  type Found,
  KeyExists,
  KeyMissing,
  type Opening,
  type Sink,
  type StoredObject,
} from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import { checkPrefix, holdsExactly } from '../keys.ts';
import { endConnection, environmentOf, makeSocket } from './access.ts';
import { attemptFolder, attemptHash, cacheFolder, openCache, ownHandle } from './cache.ts';
import { examine } from './examine.ts';
import { matcher } from './globs.ts';
import { Ledger } from './ledger.ts';
import { pathOfKey } from './names.ts';
import { piecesOf, readPieces } from './pieces.ts';
import { Git } from './program.ts';
import { Remote } from './remote.ts';
import { isOvertaken, readManifest, shownOf } from './shown.ts';
import { openSink } from './sink.ts';
import { branchRef, checkSpec, type GitSpec, stateRef } from './spec.ts';
import { artifactFolder, type Entry, type View } from './view.ts';

/** What never changes under its key may be read of a view this old (milliseconds). */
const fresh = 5000;

/**
 * Asking another machine takes its time, and a run asks often: there everything may be seen so late. Changes are exact all the same:
 * they are made on top of what is there, or not at all. So of two who want one lease, one gets it.
 */
const latest = 2000;

export async function openGit(name: string, spec: GitSpec, opening: Opening): Promise<Destination> {
  checkSpec(name, spec);
  const socket = await makeSocket(spec);
  const git = new Git(cacheFolder(spec, opening.environment), await environmentOf(spec, opening, socket));
  await openCache(name, git);
  const refs = { state: stateRef(spec), branch: branchRef(spec) };
  const remote = new Remote(name, git, spec.repository, refs, ownHandle());
  return new GitStore(name, spec, git, remote, socket);
}

class GitStore implements Destination {
  private readonly ledger: Ledger;
  private readonly age: number;
  private readonly unwanted: (path: string) => boolean;
  private readonly allowed: (path: string) => boolean;

  constructor(
    readonly name: string,
    private readonly spec: GitSpec,
    private readonly git: Git,
    private readonly remote: Remote,
    private readonly socket: string | null,
  ) {
    this.ledger = new Ledger(name, git, remote);
    this.age = /^\/|^file:/.test(spec.repository) ? 0 : latest;
    this.unwanted = matcher(spec.refuse ?? []);
    this.allowed = matcher(Object.keys(spec['allow-secrets'] ?? {}));
  }

  async put(key: string, attempt: string): Promise<Sink> {
    pathOfKey(this.name, key);
    const hash = attemptHash(key, attempt);
    const options = { name: key, allowed: this.allowed, unwanted: this.unwanted };
    return await openSink(this.name, this.git, key, attempt, options, async (tree, size) => {
      await this.ledger.change((view) => {
        if (view.entries.has(key)) throw this.taken(key);
        if (view.revoked.has(hash))
          throw new RunnerError(`Destination ${this.name}: this attempt was given up by another run.`);
        return { edits: [{ artifact: key, tree, size }] };
      });
    });
  }

  async write(key: string, bytes: Uint8Array): Promise<void> {
    pathOfKey(this.name, key);
    const manifest = readManifest(key, bytes);
    const tree = manifest ? await this.filesOf(manifest.artifact) : undefined;
    let there: Entry | undefined;
    await this.ledger.change((view) => {
      there = view.entries.get(key);
      if (there) return { edits: [] };
      const isShown = manifest && tree !== undefined && !isOvertaken(view, key, manifest);
      return { edits: [{ set: key, bytes }], ...(isShown ? { shown: shownOf(this.spec, manifest, tree) } : {}) };
    });
    if (there && !(await holdsExactly(this, key, bytes))) throw this.taken(key);
  }

  async replace(key: string, bytes: Uint8Array): Promise<void> {
    pathOfKey(this.name, key);
    await this.ledger.change(() => ({ edits: [{ set: key, bytes }] }));
  }

  async read(key: string, limit: number): Promise<Uint8Array> {
    const { view, entry } = await this.found(key);
    if (entry.size > limit)
      throw new RunnerError(`${key} at ${this.name} is ${entry.size} bytes long; at most ${limit} are read.`);
    if (!entry.isArtifact) return await this.git.bytes(['cat-file', 'blob', `${view.tips.state}:${entry.path}`]);
    return Buffer.concat(await (await this.get(key)).toArray());
  }

  async get(key: string, range?: { start: number; end?: number }): Promise<Readable> {
    const { view, entry } = await this.found(key);
    const place = entry.isArtifact
      ? `${artifactFolder(pathOfKey(this.name, key))}/pieces`
      : entry.path.replace(/\/[^/]+$/, '');
    const pieces = await piecesOf(this.git, `${view.tips.state}:${place}`);
    return Readable.from(readPieces(this.git, pieces, range), { objectMode: false, highWaterMark: 1024 * 1024 });
  }

  async stat(key: string): Promise<StoredObject | null> {
    pathOfKey(this.name, key);
    const entry = (await this.ledger.view(this.age)).entries.get(key);
    return entry ? { key, size: entry.size, modified: entry.modified } : null;
  }

  async *list(prefix: string): AsyncIterable<StoredObject[]> {
    checkPrefix(this.name, prefix);
    const { entries } = await this.ledger.view(this.age);
    const found: StoredObject[] = [];
    for (const [key, { size, modified }] of entries) if (key.startsWith(prefix)) found.push({ key, size, modified });
    if (found.length > 0) yield found;
  }

  async remove(key: string): Promise<void> {
    pathOfKey(this.name, key);
    await this.ledger.change((view) => ({ edits: view.entries.has(key) ? [{ remove: key }] : [] }));
  }

  async removeAttempt(key: string, attempt: string): Promise<void> {
    pathOfKey(this.name, key);
    const hash = attemptHash(key, attempt);
    await rm(attemptFolder(this.git, key, attempt), { recursive: true, force: true });
    // Another host may have it: it must find that it was given up, unless it is published already.
    await this.ledger.change((view) => ({
      edits: view.entries.has(key) || view.revoked.has(hash) ? [] : [{ revoke: hash }],
    }));
  }

  async examine(demands: Demands): Promise<Found[]> {
    return await examine(this.spec, this.remote, demands);
  }

  /** The backup that a commit of the branch shows: the id of the commit, or its first letters. */
  async find(text: string): Promise<string | null> {
    if (!/^[0-9a-f]{7,64}$/.test(text)) return null;
    const { commits } = await this.ledger.view(fresh);
    const found = [...commits].filter(([commit]) => commit.startsWith(text));
    return found.length === 1 ? found[0]![1] : null;
  }

  async free(): Promise<number | null> {
    return null;
  }

  /** A repository has no clock: times in it are those of who writes. */
  async clock(): Promise<Date> {
    return new Date();
  }

  async close(): Promise<void> {
    if (this.ledger.last) await this.remote.leave(this.ledger.last.tips);
    await endConnection(this.socket);
  }

  /** The tree of files of an artifact; null where it has none, undefined where it is no archive. */
  private async filesOf(key: string): Promise<string | null | undefined> {
    const { entries, tips } = await this.ledger.view(fresh);
    if (!entries.get(key)?.isArtifact) return undefined;
    return await this.git.line([
      'rev-parse',
      '--verify',
      '--quiet',
      `${tips.state}:${artifactFolder(pathOfKey(this.name, key))}/files`,
    ]);
  }

  private async found(key: string): Promise<{ view: View; entry: Entry }> {
    pathOfKey(this.name, key);
    const known = await this.ledger.view(fresh);
    const isFixed = known.entries.get(key)?.isArtifact || /\.manifest\.json(?:\.sig)?$/.test(key);
    const view = isFixed && known.entries.has(key) ? known : await this.ledger.view(this.age);
    const entry = view.entries.get(key);
    if (!entry) throw new KeyMissing(`${key} is not at ${this.name}.`);
    return { view, entry };
  }

  private taken(key: string): KeyExists {
    return new KeyExists(`${key} already exists at ${this.name}; nothing is overwritten.`);
  }
}
