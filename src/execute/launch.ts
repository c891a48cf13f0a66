import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { type Lookup, render } from '../bind.ts';
import { RunnerError } from '../diagnostic.ts';
import type { Command, ExitRule } from '../graph.ts';
import type { ReadSecret } from '../kind.ts';
import { bindValue } from './bind-value.ts';

/** A program ready to be started: every value is bound, secrets included. Never shown and never recorded. */
export type Launch = {
  /** As the graph says it; `runner-builtin` stands for our own filter programs and is replaced when it is started. */
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

/**
 * Why a program did not end by itself. `killed` carries the reason given to `kill`; `collateral` was ended by us because
 * another stage of its pipeline had failed; `not-started` never ran, since another stage could not be started.
 */
export type Fault = { kind: 'not-found' | 'timeout' | 'killed' | 'collateral' | 'not-started'; error: Error };

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
  /** Stderr lines that an exit rule calls a warning or partial (the first 20). */
  notes: string[];
  fault?: Fault;
};

/** What a launch needs of its surroundings. `environment` is the runner's own. */
export type LaunchHost = {
  environment: Readonly<Record<string, string | undefined>>;
  readSecret: ReadSecret;
  runId: string;
  /** The plan's folder: where programs of the user's own start, as relative paths of a plan do. */
  directory?: string;
};

/** Names a program's processes as ours: the guard sweeps what carries it after our death. */
export const runVariable = 'RUNNER_RUN_ID';

/** Binds a command: renders its arguments, reads its secrets, builds its environment. */
export async function prepareLaunch(command: Command, lookup: Lookup, host: LaunchHost): Promise<Launch> {
  const argv = command.argv.map((argument) => render(argument, lookup));
  if (argv.length === 0) throw new RunnerError('A command without a program cannot be run.');
  const env = command.inheritEnvironment ? inherited(host.environment) : minimal(host.environment);
  for (const [name, value] of Object.entries(command.env ?? {})) {
    const text = await bindValue(value, lookup, host.readSecret);
    // An optional secret that is not there leaves its variable unset: an empty one means something else to many programs.
    if (text === '' && typeof value === 'object' && 'secret' in value) continue;
    env[name] = text;
  }
  env[runVariable] = host.runId;
  for (const { path, value } of command.files ?? []) {
    await writePrivate(lookup.work(path), await bindValue(value, lookup, host.readSecret));
  }
  const feed: Launch['feed'] = [];
  for (const { fd, value } of command.feed ?? []) {
    feed.push({ fd, bytes: Buffer.from(await bindValue(value, lookup, host.readSecret)) });
  }
  const launch: Launch = { argv, env, feed, exits: command.exits ?? [] };
  if (command.cwd !== undefined) launch.cwd = render(command.cwd, lookup);
  else if (command.inheritEnvironment && host.directory !== undefined) launch.cwd = host.directory;
  if (command.timeout !== undefined) launch.timeout = command.timeout;
  return launch;
}

/** Written beside and renamed: another program of the task may be reading the same file. */
async function writePrivate(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, text, { mode: 0o600, flag: 'wx' });
  await rename(beside, path);
}

function minimal(environment: LaunchHost['environment']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR']) {
    const value = environment[name];
    if (value !== undefined) kept[name] = value;
  }
  // Messages that we read must not depend on who runs us.
  return { ...kept, LC_ALL: 'C' };
}

function inherited(environment: LaunchHost['environment']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) kept[name] = value;
  return kept;
}
