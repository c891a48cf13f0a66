/** How Git is started: without hooks, without questions, and with its secrets in the environment of its own processes alone. */
import type { Opening } from '../../destination.ts';
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
export async function environmentOf(spec: GitSpec, opening: Opening): Promise<Record<string, string>> {
  const kept = Object.entries(opening.environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^GIT_(?!SSH|SSL|PROXY|TRACE)/.test(entry[0]),
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
    GIT_SSH_COMMAND: sshCommand(spec, environment.GIT_SSH_COMMAND),
    LC_ALL: 'C',
  };
}

/** Git hands this line to a shell; a word of ours is quoted. */
function sshCommand(spec: GitSpec, own = 'ssh'): string {
  const options = [
    'BatchMode=yes',
    'ConnectTimeout=30',
    'ServerAliveInterval=15',
    'ServerAliveCountMax=4',
    ...(spec.key === undefined ? [] : [`IdentityFile=${optionWord(spec.key)}`, 'IdentitiesOnly=yes']),
    ...(spec['known-hosts'] === undefined
      ? []
      : [
          `UserKnownHostsFile=${optionWord(spec['known-hosts'])}`,
          'GlobalKnownHostsFile=/dev/null',
          'StrictHostKeyChecking=yes',
        ]),
  ];
  return [own, ...options.map((option) => `-o ${shellWord(option)}`)].join(' ');
}

/** OpenSSH reads an option's value as words itself. */
const optionWord = (text: string) => `"${text.replaceAll('%', '%%')}"`;

/** One word of a POSIX shell. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
