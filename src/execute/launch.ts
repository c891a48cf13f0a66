import type { Lookup } from '../bind.ts';
import type { Command, ExitRule } from '../graph.ts';
import type { ReadSecret } from '../kind.ts';

/** A program ready to be started: every value is bound, secrets included. Never shown and never recorded. */
export type Launch = {
  argv: string[];
  env: Record<string, string>;
  cwd?: string;
  /** Written to the descriptor and closed. Descriptors are sockets: programs read them, but cannot open `/dev/fd/N`. */
  feed: { fd: number; bytes: Uint8Array }[];
  exits: ExitRule[];
  /** Seconds. */
  timeout?: number;
};

export type Verdict = 'ok' | 'warning' | 'partial' | 'failed';

/** How one program ended. */
export type Ended = {
  argv: string[];
  exitCode: number | null;
  signal: string | null;
  /** Since the start; stages of one pipeline start together, so these order their ends. */
  seconds: number;
  /** The last 64 KiB, as text. Not redacted. */
  stderr: string;
  verdict: Verdict;
  /** Stderr lines that an exit rule calls a warning or partial (at most 20), and what we did to the program. */
  notes: string[];
  /** Set when it did not end by itself: what was wrong, as a sentence. `killed` carries the reason given to `kill`. */
  fault?: { kind: 'not-found' | 'timeout' | 'killed' | 'not-started'; error: Error };
};

/** What a launch needs of its surroundings. `environment` is the runner's own. */
export type LaunchHost = {
  environment: Readonly<Record<string, string | undefined>>;
  readSecret: ReadSecret;
  runId: string;
};

/** Binds a command: renders its arguments, reads its secrets, builds its environment. */
export async function prepareLaunch(_command: Command, _lookup: Lookup, _host: LaunchHost): Promise<Launch> {
  throw new Error('not built yet');
}
