/** How Git is started: without hooks, without questions, and with its secrets in the environment of its own processes alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Opening } from '../../destination.ts';
import { quotedWord } from '../../shell.ts';
import { trustOptions } from '../../ssh.ts';
import type { GitSpec } from './spec.ts';

/** Settings that hold whatever the user's own configuration says. Nothing of a repository's may run here. */
const settings: Record<string, string> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'protocol.ext.allow': 'never',
  'push.gpgSign': 'false',
  'push.followTags': 'false',
  'push.recurseSubmodules': 'no',
  'fetch.recurseSubmodules': 'false',
  'fetch.prune': 'false',
  'http.lowSpeedLimit': '1',
  'http.lowSpeedTime': '60',
  'core.quotePath': 'true',
};

/** The program reads the token from its environment, so it stands in no argument and no file. */
const helper = `!f() { test "$1" = get || exit 0; echo "username=$RUNNER_GIT_USER"; echo "password=$RUNNER_GIT_TOKEN"; }; f`;

/** The environment of every Git that is started for a destination. */
export async function environmentOf(
  spec: GitSpec,
  opening: Opening,
  socket: string | null,
): Promise<Record<string, string>> {
  const kept = Object.entries(opening.environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^GIT_(?!SSL|PROXY|TRACE)/.test(entry[0]),
  );
  const environment = Object.fromEntries(kept);
  const pairs = Object.entries(settings);
  if (spec.token) {
    environment.RUNNER_GIT_USER = spec.user ?? 'git';
    environment.RUNNER_GIT_TOKEN = (await opening.readSecret(spec.token.secret)).trim();
    // The empty one takes away the user's own helpers, which would remember it.
    pairs.push(['credential.helper', ''], ['credential.helper', helper]);
  }
  pairs.forEach(([key, value], index) => {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return {
    ...environment,
    GIT_CONFIG_COUNT: String(pairs.length),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    SSH_ASKPASS: '',
    GIT_SSH_COMMAND: sshCommand(spec, socket),
    LC_ALL: 'C',
  };
}

/**
 * Git hands this line to a shell. A run asks a server some forty times, so one connection is kept and used again: `socket` is where;
 * it ends with `endConnection`, or by itself half a minute after its last use. Null: each time anew.
 */
function sshCommand(spec: GitSpec, socket: string | null): string {
  const knownHosts = spec['known-hosts'];
  const trust = trustOptions({ ...(spec.key && { key: spec.key }), ...(knownHosts && { knownHosts }) });
  const shared = ['ControlMaster=auto', `ControlPath="${socket?.replaceAll('%', '%%')}"`, 'ControlPersist=30'];
  const options = [...trust, ...(socket === null ? [] : shared.flatMap((option) => ['-o', option]))];
  return ['ssh', ...options.map(quotedWord)].join(' ');
}

/** Where a shared connection is found; null where there is none to share, or no name short enough for a socket. */
export async function makeSocket(spec: GitSpec): Promise<string | null> {
  if (!isSsh(spec.repository)) return null;
  const path = join(await mkdtemp(join(tmpdir(), 'runner-ssh-')), 's');
  if (path.length <= 80) return path;
  await rm(dirname(path), { recursive: true });
  return null;
}

/** Ends the shared connection, if it is there. */
export async function endConnection(socket: string | null): Promise<void> {
  if (socket === null) return;
  const { execa } = await import('execa');
  await execa('ssh', ['-S', socket, '-O', 'exit', 'none'], { reject: false, stdio: 'ignore', timeout: 5000 });
  await rm(dirname(socket), { recursive: true, force: true });
}

/** `ssh://host/path`, or `user@host:path`. */
export function isSsh(repository: string): boolean {
  return /^(?:git\+)?ssh:\/\//.test(repository) || /^(?!\/)(?!.*:\/\/)[^/]+:/.test(repository);
}
