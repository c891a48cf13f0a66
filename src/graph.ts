/**
 * The Graph: what a run will do, as frozen, serialisable data. It is compiled once, then either rendered (preview) or
 * executed. It holds no closure, clock, id, port or temporary path: what is known only at run time is a named output of a
 * task or scope. Beside those there are `run.id`, the `error` of each task that has ended, and the failures so far, one a
 * line: `run.errors` and `backup:NAME.errors`.
 */
import type { Argument, Command, Held, Place, Stage } from './command.ts';
import type { Assertion, PlainSize, Recipe } from './recipe.ts';
import type { RetentionPolicy } from './retention/policy.ts';

/** A transform of an artifact as its manifest records it: enough to undo it later, without secrets. */
export type StageRecord = { type: string; extension: string; parameters: Record<string, string | number | boolean> };

/**
 * Checked before anything starts; all failures are reported at once. With `backups` only those entries need it, and an unmet
 * one fails them alone while there are others; with `destinations` it takes those out of the run.
 */
export type Requirement = { backups?: string[]; destinations?: string[] } & (
  | { need: 'program'; program: string; why: string; hint: string; place?: Place }
  | {
      need: 'path';
      path: string;
      what: 'file' | 'directory' | 'any';
      why: string;
      header?: string;
      notEmpty?: true;
      place?: Place;
    }
  | { need: 'secret'; secret: string; why: string; format?: 'openssl-passphrase' | 'line' }
  /** A program that must exit 0 and print nothing: each line that it prints is a problem, `warning: ` before it a warning. */
  | { need: 'check'; title: string; command: Command }
  /** A problem that was found when the facts were read; `warning: ` before it as with a check. */
  | { need: 'fact'; problem: string }
  | { need: 'destination'; destination: string; why: string; minimumFree?: number }
);

/** A step of a hook or a recovery. */
export type Step =
  | { step: 'run'; command: Command }
  | { step: 'http'; url: string; within: number }
  | { step: 'manual'; text: string };

export type Level = 'checksum' | 'content' | 'restore';

/** Expectations for one backup. Sizes in bytes, times in seconds, `size`/`duration` as fractions of the median of 7. */
export type Expectation = {
  maxAge?: number;
  minSize?: number;
  maxSize?: number;
  size?: { atLeast?: number; atMost?: number };
  duration?: { atLeast?: number; atMost?: number };
  maxDuration?: number;
};

/**
 * One artifact of a backup and what gives it. Parts are read one after another; nothing of any can be seen before all are
 * durable. `extension` is the chain of the artifact, inside out: `.sqlite.zst.enc`.
 */
export type CapturePart = {
  /** Null where the backup is one artifact. */
  name: string | null;
  purpose: 'data' | 'globals';
  prepare: Command[];
  /** Facts for the manifest, by name: each command's output, trimmed, taken before `produce`. One that fails is a warning. */
  learn?: Readonly<Record<string, Command>>;
  produce: Command;
  /** A link right behind the producer that only counts; then `plain` reads its stderr. */
  counter?: Command;
  /** What the manifest keeps of the source, to be compared with what comes back. Behind the stream, while a moment is held open. */
  ask?: { question: string; command: Command }[];
  cleanup: Command[];
  plain: PlainSize;
  extension: string;
  /** Stock shell pipeline that turns this artifact (`ARTIFACT` stands for its file) back into the data. */
  recovery: string[];
};

/** `dropAfter`: seconds for which it alone may hold up the others; absent: they wait for it. */
export type SinkPlan = {
  destination: string;
  tiers?: string[];
  retention: RetentionPolicy | null;
  dropAfter?: number;
};

/** Everything of the manifest that is known before the run. */
export type ManifestPlan = {
  plan: { name: string; digest: string };
  /** `version`: of the server, as the survey told it. */
  source: { type: string; name: string | null; version?: string };
  /** The consistency group whose members are backed up in this run at one moment, by their names. */
  set?: { name: string; members: string[] };
  stages: StageRecord[];
  keys: { type: string; id: string; recipients?: string[] }[];
  /** Levels whose pass a backup needs to be good; recorded, so a later plan does not devalue old backups. */
  required: Level[];
  /** `backup`, or `safety` for the copy of what a restore replaced. */
  purpose: 'backup' | 'safety';
  /** The secret whose passphrase authenticates the manifest by a MAC (aes without `signing`). */
  mac?: { secret: string; iterations: number };
};

/** One artifact of a backup; `name` is null where it has no other. */
export type PartId = { name: string | null; purpose: 'data' | 'globals' };

/** How one artifact is checked. `missing` says what this machine lacks for it: nothing can be proven then, in one sentence. */
export type VerifyPart = PartId & { decode: Stage[]; recipe: Recipe | null; assert: Assertion[]; missing?: string };

/**
 * How what was at a server's target comes back after new data was loaded over it: `commands` where it held nothing, else the
 * safety copy that the capture `from` of this run has made, from the first of its destinations that still gives it.
 */
export type PutBack = {
  target: string;
  backup: string;
  commands: Command[];
  copy?: { from: TaskId; destinations: string[]; decode: Stage[]; recipe: Recipe };
};

/** Where a restore reads its artifact: a copy at a destination, or a file outside the catalogue. */
export type RestoreOrigin = { destination: string } | { file: string };

export type Action =
  | { do: 'preflight'; requirements: Requirement[] }
  | { do: 'settle'; destination: string; backups: string[] }
  | { do: 'step'; step: Step }
  | {
      do: 'capture';
      backup: string;
      /** None where what there is to be read could not be learnt: preflight says so. */
      parts: CapturePart[];
      /** `stages` are the transforms that each part goes through. */
      branches: { variant: 'main'; stages: Stage[]; sinks: SinkPlan[] }[];
      /** Template of the artifacts' keys below the destination's prefix; null: the default place. */
      layout: string | null;
      tags: string[];
      timezone: string;
      require: number;
      expect: Expectation;
      manifest: ManifestPlan;
      /** A safety copy fills no retention slot; it is pinned for this many seconds. */
      pinFor?: number;
    }
  | {
      do: 'verify';
      level: Level;
      backup: string;
      id: Argument;
      /** Tried in this order: the first destination that holds the backup; `checksum` looks at each of them. */
      destinations: string[];
      /** Each artifact of the backup; none for `checksum`. */
      parts: VerifyPart[];
      /** Seconds: only when no pass of this level is younger. */
      every?: number;
    }
  /** `members` of a consistency group go by whole sets; `backup` is then the first of them. */
  | {
      do: 'prune';
      backup: string;
      members?: string[];
      destination: string;
      policy: RetentionPolicy;
      timezone: string;
    }
  /**
   * Copies to a destination what it lacks: of these backups what the shelf's half of the graph names, as far as it is still
   * missing. `from`: destinations that may be read. `all`: also what is older than the destination.
   */
  | { do: 'sync'; destination: string; backups: string[]; from: string[]; all: boolean }
  /** Holds an application still. The scope's release lets it go on, also when a part of this fails, or when we are killed. */
  | { do: 'quiesce'; before: Command[] }
  | { do: 'go-on'; after: Command[] }
  | { do: 'document'; destination: string; backups: string[] }
  /** `onTheWay`: its hash is taken while it is restored beside the target, and what differs is thrown away there. */
  | { do: 'admit'; backup: string; id: string; from: RestoreOrigin; part?: PartId; onTheWay?: true }
  | {
      do: 'unpack';
      backup: string;
      id: string;
      from: RestoreOrigin;
      /** Absent: the only artifact of the backup. */
      part?: PartId;
      decode: Stage[];
      recipe: Recipe;
      /** Where a server keeps what it takes, for a person. */
      target?: string;
      /** The recipe puts the data where older data is: what brings that back when it fails. */
      over?: PutBack;
    }
  /** `of` is the artifact whose source was asked the same when it was made. */
  | { do: 'assert'; assert: Assertion[]; of?: { id: string; from: RestoreOrigin; part?: PartId } }
  /** Claims a path that must not exist yet; whatever comes to lie there is removed when the scope ends. */
  | { do: 'reserve'; path: string }
  /**
   * The same elsewhere. Should we be killed, `lost` removes what lies there; before it is known to be ours, `unanswered` does,
   * and only what holds nothing.
   */
  | { do: 'reserve'; path: string; commands: Command[]; unanswered: Command; lost: Command }
  /**
   * Old data and its companions (suffixes such as `-wal`) go to `aside`, then `beside` becomes `target`. Neighbours (names
   * beside the target) go and come back with it.
   */
  | { do: 'swap'; beside: string; target: string; aside: string; companions: string[]; neighbours?: string[] }
  | { do: 'unswap'; target: string; aside: string; companions: string[]; neighbours?: string[] }
  /**
   * The same at a server, or elsewhere: all of it happens or nothing. `aside` is null where nothing is moved there. Should it be
   * cut, or we be killed, `lost` undoes a half.
   */
  | { do: 'swap'; target: string; aside: string | null; commands: Command[]; lost?: Command }
  | { do: 'unswap'; target: string; aside: string | null; commands: Command[] }
  | ({ do: 'put-back' } & PutBack)
  | { do: 'discard'; path: string; companions: string[]; neighbours?: string[] }
  | { do: 'discard'; path: string; commands: Command[] }
  /** `owner`: a user id that may also make files and folders in it, but not touch ours. */
  | { do: 'directory'; owner?: number }
  | { do: 'remove-directory' }
  | { do: 'run'; commands: Command[] }
  /** Output `value`: what the command prints, trimmed. */
  | { do: 'learn'; command: Command }
  /** Output `line`: what was kept of the line that made it ready; `from` and `to`: when that was, RFC 3339. */
  | { do: 'hold'; held: Held }
  | { do: 'let-go' }
  | { do: 'lease'; destination: string }
  | { do: 'release-lease'; destination: string };

export type TaskId = string;
export type ScopeId = string;

/** The unit of placement and retry. `outputs` names what `{ out: 'ID.NAME' }` may refer to. */
export type Task = {
  id: TaskId;
  title: string;
  host: string;
  /** Scopes in which it runs, outermost first. */
  within: ScopeId[];
  /**
   * Every `ok` and `done` need must be met; of the `fail` needs, where there are any, at least one. A need may name a
   * scope: `ok` and `done` then mean that its release has run.
   */
  needs: { task: TaskId | ScopeId; on: 'ok' | 'fail' | 'done' }[];
  action: Action;
  outputs: string[];
  retry?: { attempts: number; delay: number };
  /** Seconds. */
  timeout?: number;
  /** The entry of `backups` or of `tasks` that a failure of this task counts against; absent: the whole run. */
  backup?: string;
};

/** Something with a lifetime. It is acquired before the first of its tasks and its release always runs. */
export type Scope = {
  id: ScopeId;
  host: string;
  acquire: Action;
  release: Action;
  outputs: string[];
  maxHold?: number;
};

/** What retention says about one backup name at one destination, when the listing was read. */
export type ShelfView = {
  backup: string;
  destination: string;
  /** SHA-256 over the sorted names of manifests, records and tombstones that were listed; null when unknown. */
  digest: string | null;
  /** Why no prune is planned, when none is: an unknown listing, a clock that went back. */
  blocked?: string;
  keep: { id: string; reasons: string[] }[];
  delete: { id: string; reasons: string[] }[];
  /**
   * What is copied there, the newest first; `from` are those that have it, the best first. Bytes, or null when nothing tells.
   * `isDamaged`: what lies there of it is deleted before, since it is damaged.
   */
  copy?: { id: string; from: string[]; bytes: number | null; isDamaged?: true }[];
  /** Why it is not known what is missing there. */
  uncopied?: string;
};

export type Graph = {
  format: 'runner/graph@1';
  plan: { name: string; digest: string };
  command: 'apply' | 'prune' | 'verify' | 'restore' | 'sync';
  tasks: Task[];
  scopes: Scope[];
  shelf: ShelfView[];
};
