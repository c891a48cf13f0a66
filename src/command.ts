/** One program to start, as data: its arguments, environment and files, and where it runs. */

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
