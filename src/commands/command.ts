/** What the command line hands to a command, and what a command is. */
import type { ExitCode } from '../diagnostic.ts';
import type { Terminal } from '../report/terminal.ts';

/** A command line after argv was read. `words` are the positional arguments after PLAN. */
export type Invocation = {
  verb: string;
  /** PLAN as given; null: RUNNER_PLAN, else ./runner.yaml. */
  plan: string | null;
  words: string[];
  options: Options;
};

/** Every option of every command; a command reads those that it declares in verbs.ts. */
export type Options = {
  envFile?: string;
  json?: boolean;
  quiet?: boolean;
  logDir?: string;
  /** Seconds. */
  lockTimeout?: number;
  yes?: boolean;
  expect?: string;
  due?: boolean;
  all?: boolean;
  tier?: string;
  from?: string;
  latest?: boolean;
  /** `restore --list`. */
  list?: boolean;
  at?: string;
  id?: string;
  file?: string;
  to?: string;
  /** Names of parts, or of what is inside of one. */
  only?: string[];
  planOnly?: boolean;
  full?: boolean;
  /** Ask stores for what lies in archived classes. */
  thaw?: boolean;
  /** `--no-safety-backup` makes it false. */
  safetyBackup?: boolean;
  /** `NAME=VALUE`, for the source's kind. */
  option?: string[];
  level?: 'checksum' | 'content' | 'restore';
  dryRun?: boolean;
  /** Days. */
  simulate?: string;
  times?: string;
  until?: string;
  reason?: string;
  promises?: boolean;
  part?: string;
};

/** The process around a command. */
export type Host = {
  terminal: Terminal;
  environment: Record<string, string | undefined>;
  /** Aborted by the first SIGINT or SIGTERM. */
  signal: AbortSignal;
};

export type Command = (invocation: Invocation, host: Host) => Promise<ExitCode>;
