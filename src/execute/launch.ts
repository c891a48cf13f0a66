import { randomUUID } from 'node:crypto';
import { lchown, rename, writeFile } from 'node:fs/promises';
import { type Lookup, render } from '../bind.ts';
import type { Command, ExitRule } from '../command.ts';
import type { ReadSecret } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { bindValue } from './bind-value.ts';
import type { Connections } from './connections.ts';
import { boundEnvironment, inherited, minimal, runVariable } from './environment.ts';
import { prepareRemote, type RemoteLaunch } from './remote-launch.ts';

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
  /** Where it runs elsewhere: how it is reached and what it is told there. `env` and `feed` are then empty. */
  remote?: RemoteLaunch;
};

export type Verdict = 'ok' | 'warning' | 'partial' | 'failed';

/**
 * Why a program did not end by itself. `killed` carries the reason given to `kill`; `collateral` was ended by us because
 * another stage of its pipeline had failed; `not-started` never ran, since another stage could not be started; `cut` ran
 * elsewhere, and how it ended there is not known.
 */
export type Fault = { kind: 'not-found' | 'timeout' | 'killed' | 'collateral' | 'not-started' | 'cut'; error: Error };

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
  /** Where it ran, if not here: `docker shop-postgres`. */
  where?: string;
  /** What it printed, where that was counted. */
  bytes?: number;
};

/** What a launch needs of its surroundings. `environment` is the runner's own. */
export type LaunchHost = {
  environment: Readonly<Record<string, string | undefined>>;
  readSecret: ReadSecret;
  runId: string;
  /** The plan's folder: where programs of the user's own start, as relative paths of a plan do. */
  directory?: string;
  /** Ways to other places that are kept open; absent: each program makes its own. */
  connections?: Connections;
};

/** Binds a command: renders its arguments, reads its secrets, builds its environment. */
export async function prepareLaunch(command: Command, lookup: Lookup, host: LaunchHost): Promise<Launch> {
  if (command.place !== undefined) return await prepareRemote(command, command.place, lookup, host);
  const argv = command.argv.map((argument) => render(argument, lookup));
  if (argv.length === 0) throw new RunnerError('A command without a program cannot be run.');
  const own = await boundEnvironment(command, lookup, host.readSecret);
  const env = { ...(command.inheritEnvironment ? inherited : minimal)(host.environment), ...own };
  env[runVariable] = host.runId;
  for (const { path, value, owner } of command.files ?? []) {
    await writePrivate(lookup.work(path), await bindValue(value, lookup, host.readSecret), owner);
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
async function writePrivate(path: string, text: string, owner: number | undefined): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, text, { mode: 0o600, flag: 'wx' });
  if (owner !== undefined) await lchown(beside, owner, owner);
  await rename(beside, path);
}
