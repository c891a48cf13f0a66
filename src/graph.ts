/**
 * The Graph: what a run will do, as frozen, serialisable data. It is compiled once, then either rendered (preview) or
 * executed. It holds no closure, clock, id, port or temporary path: what is known only at run time is a named output of a
 * task or scope. Beside those there are `run.id`, the `error` of each task that has ended, and the failures so far, one a
 * line: `run.errors` and `backup:NAME.errors`.
 */
import type { RetentionPolicy } from './retention/policy.ts';

/** Something that may stand in an argument vector: never a secret. `work` is a path below the task's private directory. */
export type Argument = string | { out: `${string}.${string}` } | { work: string } | { join: Argument[] };

/** A part of a secret that is a URL, decoded; `scheme` without its colon, `path` without its first slash. What is not there is empty. */
export type UrlPart = 'scheme' | 'user' | 'password' | 'host' | 'port' | 'path' | { query: string };

/** How a value is written in a file: escaped as the format wants it. `uri` is percent-encoding. */
export type Encoding = 'pgpass' | 'option-file' | 'json' | 'uri';

/** The text of a secret, or a part of it. `before` and `after` stand around it where it is not empty. */
export type SecretValue = { secret: string; part?: UrlPart; encode?: Encoding; before?: string; after?: string };

/** Something that may stand in the environment, in a private file, or be fed to a descriptor of one process. */
export type Value = Argument | SecretValue | { text: Value[] };

/**
 * Where a program runs instead of here: in a container, at another host, or here as another user. `user` of a container is
 * the user inside it. Names of containers and pods may be known at run time only; of pods by a selector exactly one must run.
 */
export type Place =
  | { docker: Argument; user?: string }
  | { compose: { service: string; project?: string; file?: string }; user?: string }
  | { ssh: SshHost }
  | { kubernetes: { context?: string; namespace?: string; pod?: Argument; selector?: string; container?: string } }
  | { user: string };

/** A host as OpenSSH's client reaches it; `key` is a file, `jump` a host between. Its key must be known. */
export type SshHost = {
  host: string;
  user?: string;
  port?: number;
  key?: string;
  jump?: string;
  knownHosts?: string;
};

/** How a nonzero exit of a program is judged: every stderr line must match one of the patterns, the worst counts. */
export type ExitRule = { code: number; lines: { pattern: string; means: 'ignore' | 'warning' | 'partial' }[] };

/** One program to start. The environment is minimal (PATH, HOME, TMPDIR, LC_ALL=C, RUNNER_RUN_ID) plus `env`. */
export type Command = {
  argv: Argument[];
  env?: Record<string, Value>;
  /** A program of the user's (hooks, `command` sources): it gets the runner's own environment and starts in the plan's folder. */
  inheritEnvironment?: true;
  cwd?: Argument;
  /**
   * Private files (0600) that are written before it starts; `path` lies below the work directory, `{ work: path }` names it.
   * `owner`: the user id that it belongs to, where that is not us.
   */
  files?: { path: string; value: Value; owner?: number }[];
  /** Where it runs; absent: here. `{ work }` is then a path there. */
  place?: Place;
  /** Bytes written to a descriptor (0 for standard input when nothing else feeds it, or >= 3) and then closed. */
  feed?: { fd: number; value: Value }[];
  exits?: ExitRule[];
  /** Seconds; the process group is ended afterwards. */
  timeout?: number;
};

/**
 * A program that stays while others work: a server, a session, a connection. It is ready when `ready.command` exits 0 (asked
 * again and again) or when it has printed a line that matches `ready.line`, whose first group is kept. It is told to end by
 * the end of its input or by a signal, and killed 10 s later.
 */
export type Held = {
  command: Command;
  /** Written to its standard input, which is then kept open. */
  input?: Value;
  ready: { command: Command } | { line: string };
  /** Seconds in which it must be ready. */
  within: number;
  stop: 'end-of-input' | 'TERM' | 'INT' | 'QUIT';
};

/** A link of a pipeline with what must be done before all stages start and after all have ended. */
export type Stage = { command: Command; prepare?: Command[]; cleanup?: Command[] };

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

/** Where the size of the plain stream is read: a file that is streamed, a stderr line of the producer, or not at all. */
export type PlainSize = { file: Argument } | { stderr: string } | { unknown: true };

/** The end that a plain stream must have; the consumer is killed before its end of input when it is wrong. */
export type Tail = { zeros: number } | { text: string; within: number };

/** Where a plain stream goes when an artifact is opened. */
export type Intake = { consume: Command } | { file: Argument; mode?: string; owner?: number } | { discard: true };

/** Bounds for a value read from a program, a file or a count. Numbers compare as numbers, `equals` also as text. */
export type Expect = { equals?: string | number; atLeast?: number; atMost?: number; compare?: 'source' };

/**
 * One assertion. `command` prints a value. With `question` it must equal what the source answered when the backup was made, as the
 * manifest keeps it; where it keeps nothing, what `reference` prints now.
 */
export type Assertion =
  | {
      title: string;
      check: 'output';
      command: Command;
      expect: Expect;
      question?: string;
      reference?: Command;
      tolerance?: number;
    }
  /** Line by line; `tolerance` is a fraction of each count. */
  | { title: string; check: 'contents'; command: Command; contents: Contents; question: string; tolerance?: number }
  /** `look` prints `absent` or its size and, where one is expected, its SHA-256: of data that lies elsewhere. */
  | { title: string; check: 'file'; path: Argument; exists: boolean; size?: Expect; sha256?: string; look?: Command }
  /** `names` prints the paths below the directory, each with a NUL behind it: of data that lies elsewhere. */
  | { title: string; check: 'count'; directory: Argument; pattern?: string; expect: Expect; names?: Command }
  | { title: string; check: 'exit'; command: Command };

/**
 * How the plain stream of an artifact is taken in: commands before, the intake with its end, commands and assertions after.
 * `servers` are started behind `prepare`, or behind the intake where they read what it wrote, and stay until the end.
 */
export type Recipe = {
  prepare?: Command[];
  servers?: { after: 'prepare' | 'intake'; held: Held }[];
  /** A filter of ours, always run here, that the stream goes through first: it fails where the format itself is not whole. */
  through?: Command;
  intake: Intake;
  tail?: Tail;
  /** The consumer itself fails on a stream that was cut: the kernel joins it to the decoders, and nobody counts what it takes. */
  direct?: true;
  /** Behind the intake and the servers: what works on what the intake wrote. */
  load?: Command[];
  finish?: Assertion[];
  /** Also after a failure, while the servers still run. */
  cleanup?: Command[];
  /** Likewise, when they have ended. */
  sweep?: Command[];
};

/** What the data holds, part by part: rows of each table, keys of each database. Lines of `name<TAB>value`, sorted. */
export type Contents = 'counts' | 'checksums';

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
  /** The same elsewhere. Should we be killed, `lost` removes what lies there. */
  | { do: 'reserve'; path: string; commands: Command[]; lost: Command }
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
