/**
 * What a driver is. Sources and transforms are pure: they turn a validated spec and facts into commands, and never spawn,
 * read the environment or touch a file. Destinations have a small runtime interface.
 */
import type { Readable } from 'node:stream';
import type { Argument, Command, PlainSize, Recipe, Requirement, Stage, StageRecord } from './graph.ts';

/** A program found on PATH (absolute path), or null. `version` is the first line that it prints of itself. */
export type ProgramFact = { path: string; version: string } | null;

/** What was read from the machine before the graph is compiled. */
export type Facts = { programs: Readonly<Record<string, ProgramFact>> };

/** What a kind learnt from files that its spec names (public keys): `problems` stop the run at exit 4. */
export type Inspection = { problems: { message: string }[]; data: Record<string, unknown> };
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** Where a restore goes. For a directory or a file it is an absolute path or a run-time value. */
export type Target = { path: Argument };

export type RestoreOptions = Readonly<Record<string, unknown>>;

export type CapturePlan = {
  prepare: Command[];
  produce: Command;
  /** A link right behind the producer, where nothing else can tell how much it printed. `plain` then reads its stderr. */
  counter?: Command;
  cleanup: Command[];
  plain: PlainSize;
};

export interface SourceKind<Spec = never> {
  readonly role: 'source';
  readonly type: string;
  /** Programs that it looks for; found or not, they appear in `facts.programs`. */
  programs(spec: Spec): string[];
  /** Extension of the plain stream with its dot: `.sqlite`, `.tar`. */
  extension(spec: Spec): string;
  requirements(spec: Spec, facts: Facts): Requirement[];
  capture(spec: Spec, facts: Facts): CapturePlan;
  /** Proves a plain stream whole without the source. `{ work }` paths are private to the check. */
  content(spec: Spec, facts: Facts): Recipe;
  /** What a restore produces: a fresh `directory`, one `file`, or `none` (a program takes the stream). */
  restores(spec: Spec): 'directory' | 'file' | 'none';
  /** The live data's own place, the default target; null when a restore must name one. */
  home(spec: Spec): string | null;
  /** The same source over data that lies elsewhere: how a safety backup takes what a restore moved aside. */
  relocate?(spec: Spec, path: string): Spec;
  /** Suffixes of files that belong to a restored file and must go with it: `-wal`. */
  readonly companions?: readonly string[];
  /** `options` are the plan's `restore: { options }`; the kind's page names those that it knows. */
  restore(spec: Spec, target: Target, facts: Facts, options?: RestoreOptions): Recipe;
  /** Names of the restore options that it knows; any other is a mistake in the plan. */
  readonly options?: Readonly<Record<string, 'boolean' | 'string' | 'number'>>;
  /** A command that prints the result of a query on restored data or, with `target` null, on the live source. */
  query?(spec: Spec, sql: string, target: Target | null, facts: Facts): Command;
  /** Reads the plain stream, prints one name a line (`runner ls`). */
  list?(spec: Spec, facts: Facts): Command;
  /** Reads the plain stream, prints one member (`runner cat`). */
  extract?(spec: Spec, path: string, facts: Facts): Command;
  /** Stock shell command that takes the plain stream on standard input: the last link of the recovery instructions. */
  manual(spec: Spec): string;
}

export type KeyReference = { type: string; id: string; recipients?: string[] };

export interface TransformKind<Spec = never> {
  readonly role: 'transform';
  readonly type: string;
  /** Extension with its dot: `.zst`. */
  readonly extension: string;
  /** True where nobody without a key can read the result. */
  readonly encrypts: boolean;
  /** True where the result is smaller, so that sources do not compress themselves. */
  readonly compresses: boolean;
  programs(spec: Spec): string[];
  /**
   * Whether what it seals can be opened with what the spec names: `keyring` where only keys of the user's own can.
   * Default: yes. What is verified by its content must be opened.
   */
  opens?(spec: Spec): 'yes' | 'keyring' | 'no';
  /** Reads public keys and the like; called once before compile. */
  inspect?(spec: Spec, read: ReadFile): Promise<Inspection>;
  requirements(spec: Spec, direction: 'forward' | 'inverse', facts: Facts): Requirement[];
  forward(spec: Spec, facts: Facts, inspection: Inspection | null): Stage;
  /** `record` comes from the manifest, so an artifact opens with the parameters that it was made with. */
  inverse(spec: Spec, record: StageRecord, facts: Facts): Stage;
  record(spec: Spec): StageRecord;
  keys(spec: Spec, inspection: Inspection | null): KeyReference[];
  /**
   * How the keys that can open an artifact differ from those of the spec, a sentence each, told by its first 64 KiB without any
   * key. Null where that cannot be known.
   */
  compareRecipients?(spec: Spec, head: Uint8Array, inspection: Inspection | null): Promise<string[] | null>;
  /** The passphrase that seals it, where it is one secret: it also authenticates the manifest. */
  passphrase?(spec: Spec): { secret: string; iterations: number };
  /** Stock shell command, standard input to standard output, that undoes it; key files by an upper-case placeholder. */
  manual(record: StageRecord): string;
}

/** A named object at a destination. `size` in bytes, `modified` as the store says. */
export type StoredObject = { key: string; size: number; modified: Date };

/** An artifact on its way: invisible until `publish`. Any method may reject; then `abort` must be called. */
export interface Sink {
  /** Takes whole batches in order; resolves when the memory may be used again. */
  write(batch: readonly Uint8Array[]): Promise<void>;
  /** Everything durable, still unclaimed; the size that the store counts, in bytes. */
  prepare(): Promise<{ size: number }>;
  /** Claims the key; rejects with KeyExists when it is taken. */
  publish(): Promise<void>;
  /** Leaves nothing behind. Never rejects because something is already gone. */
  abort(): Promise<void>;
}

/** Keys are relative to the destination's prefix, `/`-separated; `..`, absolute and empty segments are refused. */
export interface Destination {
  readonly name: string;
  /** Opens a sink for a large object. `trace` is what a journal must name so that an orphan can be removed. */
  put(key: string, attempt: string): Promise<Sink>;
  /** Writes a small object once, atomically and durably. Equal bytes are fine, other bytes reject with KeyExists. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  /** Replaces a small object atomically: RECOVERY.md with its signature, and the lease, whose holder shows that it lives. */
  replace(key: string, bytes: Uint8Array): Promise<void>;
  /** Reads a small object whole; rejects with KeyMissing, or when it is larger than `limit` bytes. */
  read(key: string, limit: number): Promise<Uint8Array>;
  /** Streams an object; rejects with KeyMissing. */
  get(key: string, range?: { start: number; end?: number }): Promise<Readable>;
  stat(key: string): Promise<StoredObject | null>;
  /** Every object whose key starts with `prefix`, in batches; rejects unless the listing was read to its end. */
  list(prefix: string): AsyncIterable<StoredObject[]>;
  /** Removes an object; one that is already gone is fine. */
  remove(key: string): Promise<void>;
  /** Removes what an interrupted `put(key, attempt)` left. */
  removeAttempt(key: string, attempt: string): Promise<void>;
  /** Removes below a folder what a killed writer left of small files an hour ago or earlier; only where that is possible. */
  sweep?(folder: string): Promise<void>;
  /** Free bytes, or null where the store does not say. */
  free(): Promise<number | null>;
  /** The store's own clock. */
  clock(): Promise<Date>;
  close(): Promise<void>;
}

export class KeyExists extends Error {
  override readonly name = 'KeyExists';
}

export class KeyMissing extends Error {
  override readonly name = 'KeyMissing';
}

/** Gives the text of a secret at the moment of use. */
export type ReadSecret = (name: string) => Promise<string>;

export interface DestinationKind<Spec = never> {
  readonly role: 'destination';
  readonly type: string;
  requirements(name: string, spec: Spec): Requirement[];
  /** Where it is, for a person and for RECOVERY.md: a path or a URL without secrets. */
  describe(spec: Spec): string;
  /** Shell words that fetch ARTIFACT by hand, for RECOVERY.md: `cp /srv/backups/KEY .` */
  fetch(spec: Spec, key: string): string;
  /** The kind's heavy libraries are loaded here, not at the top of the module. */
  open(name: string, spec: Spec, readSecret: ReadSecret): Promise<Destination>;
}
