/**
 * What a driver of a source or a transform is: pure, it turns a validated spec and facts into commands, and never spawns,
 * reads the environment or touches a file. `destination.ts` says what a destination is.
 */
import type { Argument, Command, Held, Stage } from './command.ts';
import type { Requirement, StageRecord } from './graph.ts';
import type { Assertion, Contents, PlainSize, Recipe } from './recipe.ts';

/** A program found on PATH (absolute path), or null. `version` is the first line that it prints of itself. */
export type ProgramFact = { path: string; version: string } | null;

/** How a backup was made, for the kind that opens it: from the manifest, or for one that is to be made from the plan. */
export type Made = { extension: string; version: string | null; facts: Readonly<Record<string, string>> };

/** What a live source said of itself before the graph was compiled. `version` is the server's own, `15.18`. */
export type Survey = { version: string; data: Readonly<Record<string, unknown>> };

/**
 * What was read before the graph is compiled, seen from where the commands will run: here, at the source's `run-in`, or in
 * the image of a scratch container.
 */
export type Facts = {
  programs: Readonly<Record<string, ProgramFact>>;
  /** All that were found by name, in PATH and in the folders of the kind: versions lie side by side. */
  installed?: Readonly<Record<string, readonly { path: string; version: string }[]>>;
  /** Null where the live source did not answer (the house says so); absent where it was not asked. */
  survey?: Survey | null;
  made?: Made;
  /** The commands run at a place or in an image: our own `runner-builtin` is not there. */
  elsewhere?: true;
  /** Of a capture whose transforms compress: the source need not. */
  compressed?: true;
};

/** What a kind learnt from files that its spec names (public keys): `problems` stop the run at exit 4. */
export type Inspection = { problems: { message: string }[]; data: Record<string, unknown> };
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** Which server: one of ours behind a socket in a directory, without password or users; or one that a secret URL names. */
export type Server = { at: 'socket'; directory: Argument } | { at: 'url'; secret: string };

/**
 * Where a restore goes. For a directory or a file `path` is an absolute path or a run-time value; for a database its name, at
 * `server` or, without one, at the source's own.
 */
export type Target = { path: Argument; server?: Server };

/** Questions that assertions and steps ask of data. A `key` and a `collection` are counted; the rest prints lines. */
export type Question = { sql: string } | { key: string } | { collection: string } | { contents: Contents };
export type QuestionName = 'sql' | 'key' | 'collection' | 'contents';

/** One artifact of a backup that has several. `spec` is what its capture, content and restore are given. */
export type Part<Spec> = { name: string; purpose: 'data' | 'globals'; spec: Spec };

/** A throw-away server with the data in it. `target` is what questions are then asked of. */
export type Scratch = { recipe: Recipe; target: Target } | { missing: string };

/** What can be done with databases by name. Names are as the plan or the server gives them: anything but NUL. */
export type Databases<Spec> = {
  /** Which server that is, for a person and without secrets: `db.internal:5432`. */
  where?(spec: Spec): string;
  /** The same source at the server of a URL without a password. Throws an Error with a sentence where that is none of its own. */
  at?(spec: Spec, url: URL): Spec;
  /** Prints `nothing`, `empty` or `full`. */
  look(spec: Spec, name: string, facts: Facts): Command;
  /** Makes an empty one, with the owner and settings of `like` where there is such a database. */
  create(spec: Spec, name: string, like: string | null, facts: Facts): Command[];
  /** One that is already gone is fine; others' connections to it are ended. */
  drop(spec: Spec, name: string, facts: Facts): Command[];
  /** Empties one in place: what was set and granted on it stays. Absent: it is dropped and made anew. */
  clear?(spec: Spec, name: string, facts: Facts): Command[];
  /** A text that lies with a database, so that one of ours is known again; `read` prints it, or nothing. */
  mark?: {
    write(spec: Spec, name: string, text: Argument, facts: Facts): Command[];
    read(spec: Spec, name: string, facts: Facts): Command;
  };
  /**
   * Renames `target`, where it exists, to `aside`, and `beside` to `target`, at once; the mark of what becomes the target goes.
   * Absent: the server cannot.
   */
  swap?(spec: Spec, names: { beside: string; target: string; aside: string | null }, facts: Facts): Command[];
  /** Replaces the named parts of `target` (a table, a schema, a collection) by those of `beside`. */
  move?(spec: Spec, parts: readonly string[], names: { beside: string; target: string }, facts: Facts): Command[];
};

export type RestoreOptions = Readonly<Record<string, unknown>>;

export type CapturePlan = {
  prepare: Command[];
  produce: Command;
  /** A link right behind the producer, where nothing else can tell how much it printed. `plain` then reads its stderr. */
  counter?: Command;
  cleanup: Command[];
  plain: PlainSize;
  /** Facts for the manifest, by name: each command's output, trimmed, taken before `produce`. One that fails is a warning. */
  learn?: Readonly<Record<string, Command>>;
};

export interface SourceKind<Spec = never> {
  readonly role: 'source';
  readonly type: string;
  /** Programs that it looks for; found or not, they appear in `facts.programs`. Servers for a scratch restore among them. */
  programs(spec: Spec): string[];
  /** Folders in which installers put versions side by side, with `*`: looked through after PATH, for `facts.installed`. */
  readonly folders?: readonly string[];
  /** A question to the live source, asked once before the graph is compiled. `read` throws an Error that says what is wrong. */
  readonly survey?: { command(spec: Spec, facts: Facts): Command; read(spec: Spec, printed: string): Survey };
  /**
   * The artifacts of one backup, where it has several, each name once and `globals` once at most; null for one. Throws an Error
   * with a sentence where that cannot be known, because the source did not answer.
   */
  parts?(spec: Spec, facts: Facts): Part<Spec>[] | null;
  /** The spec of one artifact that a manifest names: it may have left the server since, and the server may be gone. */
  part?(spec: Spec, which: Pick<Part<Spec>, 'name' | 'purpose'>): Spec;
  /** Extension of the plain stream with its dot: `.sqlite`, `.tar`. */
  extension(spec: Spec): string;
  requirements(spec: Spec, facts: Facts): Requirement[];
  /** A session that holds one moment open; the line that it prints is handed to `capture` and `ask`. */
  snapshot?(spec: Spec, facts: Facts): Held;
  capture(spec: Spec, facts: Facts, moment?: Argument): CapturePlan;
  /** Proves a plain stream whole without the source. `{ work }` paths are private to the check. */
  content(spec: Spec, facts: Facts): Recipe;
  /** Restores into a throw-away server `here`, in a `container` (commands run inside), or at a given one; see `facts.made`. */
  scratch?(spec: Spec, where: 'here' | 'container' | { url: string }, facts: Facts): Scratch;
  /** What a restore produces: a fresh `directory`, one `file`, a `database`, or `none` (a program takes the stream). */
  restores(spec: Spec, options?: RestoreOptions): 'directory' | 'file' | 'database' | 'none';
  readonly databases?: Databases<Spec>;
  /** The live data's own place (a path, a database's name), the default target; null when a restore must name one. */
  home(spec: Spec): string | null;
  /** The same source over data that lies elsewhere: how a safety backup takes what a restore moved aside. */
  relocate?(spec: Spec, path: string): Spec;
  /** Suffixes of files that belong to a restored file and must go with it: `-wal`. */
  readonly companions?: readonly string[];
  /** Names beside the live file of what else holds its data (a log that is read instead of it): they go and come back with it. */
  neighbours?(spec: Spec, facts: Facts): string[];
  /** At the live source before it is stopped: nothing more is written, and the file holds all data. Only where it answers. */
  quiet?(spec: Spec, facts: Facts): Command[];
  /** Where new data for the live place lies at `path`: makes at `PATH.NAME` what is to take the place of the neighbour NAME. */
  settle?(spec: Spec, path: string, facts: Facts, options?: RestoreOptions): Command[];
  /** Behind the start: did the program take the new data? In the work directory of the restore; a failure rolls back. */
  taken?(spec: Spec, path: string, facts: Facts): Assertion[];
  /**
   * `options` are the plan's `restore: { options }`; the kind's page names those that it knows. `only`, where it is not empty,
   * names the members to be restored: given to kinds whose `members` is true, which restore a directory.
   */
  restore(spec: Spec, target: Target, facts: Facts, options?: RestoreOptions, only?: readonly string[]): Recipe;
  readonly members?: true;
  /** Names of the restore options that it knows; any other is a mistake in the plan. */
  readonly options?: Readonly<Record<string, 'boolean' | 'string' | 'number'>>;
  /** What can be asked of its data; absent: nothing. */
  readonly questions?: readonly QuestionName[];
  /** A command that prints the answer, of restored data or, with `target` null, of the live source (at `moment`). */
  ask?(spec: Spec, question: Question, target: Target | null, facts: Facts, moment?: Argument): Command;
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
