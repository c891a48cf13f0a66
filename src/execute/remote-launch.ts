import { randomBytes } from 'node:crypto';
import { basename, posix } from 'node:path';
import { type Lookup, render } from '../bind.ts';
import type { Command, Place } from '../command.ts';
import { usesWork } from '../compile/rewrite.ts';
import { RunnerError } from '../diagnostic.ts';
import { bindValue } from './bind-value.ts';
import { openConnections } from './connections.ts';
import { boundEnvironment, inherited, runVariable } from './environment.ts';
import type { Launch, LaunchHost } from './launch.ts';
import type { Client } from './remote-client.ts';
import type { Header } from './remote-control.ts';

/** How a program that runs elsewhere is reached, and what it is told there. */
export type RemoteLaunch = {
  client: Client;
  nonce: string;
  header: Header;
  /** A directory of its own, for a program whose input goes through one. */
  ownDirectory: string;
  /** The client's, not the program's: it finds its sockets, keys and configurations as the caller does. */
  environment: Record<string, string>;
  directory?: string;
};

/** The private directory of a task, as programs at a place know it: made there when the first of them needs it. */
export function directoryThere(here: string): string {
  return `/tmp/${basename(here)}-there`;
}

/** The lookup of a command: its `work` is a path where it runs. */
export function lookupAt({ place }: Pick<Command, 'place'>, lookup: Lookup): Lookup {
  if (place === undefined) return lookup;
  return { ...lookup, work: (path) => posix.join(directoryThere(lookup.work('.')), path) };
}

export function bindPlace(place: Place, lookup: Lookup): Place {
  if ('docker' in place) return { ...place, docker: render(place.docker, lookup) };
  if (!('kubernetes' in place) || place.kubernetes.pod === undefined) return place;
  return { kubernetes: { ...place.kubernetes, pod: render(place.kubernetes.pod, lookup) } };
}

/** Binds a command that runs elsewhere. Rejects with a RunnerError where its place cannot be reached. */
export async function prepareRemote(command: Command, at: Place, here: Lookup, host: LaunchHost): Promise<Launch> {
  const lookup = lookupAt(command, here);
  const place = bindPlace(at, here);
  const argv = command.argv.map((argument) => render(argument, lookup));
  if (argv.length === 0) throw new RunnerError('A command without a program cannot be run.');
  if (argv[0] === 'runner-builtin') throw new Error(`${argv.slice(0, 2).join(' ')} cannot run elsewhere`);
  const { readSecret, connections } = host;
  const env = {
    ...('user' in place && Object.keys(place).length === 1 ? pathOf(host) : {}),
    ...(command.inheritEnvironment ? {} : { LC_ALL: 'C' }),
    ...(await boundEnvironment(command, lookup, readSecret)),
    [runVariable]: host.runId,
  };
  const header: Header = { env, files: [], feed: [] };
  for (const { path, value } of command.files ?? [])
    header.files.push({ path: lookup.work(path), text: await bindValue(value, lookup, readSecret) });
  for (const { fd, value } of command.feed ?? [])
    header.feed.push({ fd, bytes: Buffer.from(await bindValue(value, lookup, readSecret)) });
  if (command.cwd !== undefined) header.cwd = render(command.cwd, lookup);
  const client = await (connections ? connections.reach(place) : reachOnce(place, host));
  if (usesWork(command)) {
    const directory = here.work('.');
    header.work = directoryThere(directory);
    // Whoever made it here removes it there too; what nobody made goes with its program.
    if (!connections?.uses(directory, place)) header.brief = true;
  }
  const remote: RemoteLaunch = {
    client,
    nonce: randomBytes(16).toString('hex'),
    header,
    ownDirectory: `/tmp/runner-${host.runId}-${randomBytes(6).toString('hex')}`,
    environment: { ...inherited(host.environment), [runVariable]: host.runId },
    ...(host.directory === undefined ? {} : { directory: host.directory }),
  };
  const timeout = command.timeout === undefined ? {} : { timeout: command.timeout };
  return { argv, env: {}, feed: [], exits: command.exits ?? [], remote, ...timeout };
}

/** Another user of this machine finds the programs that we find. */
function pathOf({ environment }: LaunchHost): Record<string, string> {
  return environment.PATH === undefined ? {} : { PATH: environment.PATH };
}

async function reachOnce(place: Place, host: LaunchHost): Promise<Client> {
  const connections = openConnections({ ...host, shared: false });
  try {
    return await connections.reach(place);
  } finally {
    await connections.close();
  }
}
