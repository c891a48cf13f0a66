/** Why ssh ended, in the words of a person, from what it printed. */
import type { SshHost } from '../../command.ts';
import { Ended } from './session.ts';

/** `user@host:port`, as far as the plan says it. */
export function hostLabel({ user, host, port }: SshHost): string {
  return `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
}

type Saying = { said: RegExp; means(host: SshHost, found: RegExpExecArray): string; passes?: true };

const file = ({ knownHosts }: SshHost) => knownHosts ?? '~/.ssh/known_hosts';
const scan = ({ host, port }: SshHost) => `ssh-keyscan ${port === undefined ? '' : `-p ${port} `}${host}`;
const known = ({ host, port }: SshHost) => (port === undefined || port === 22 ? host : `'[${host}]:${port}'`);

/** The first that fits counts. */
const sayings: Saying[] = [
  {
    said: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    means: (host) =>
      `its host key is not the one in ${file(host)}: the server was set up anew, or somebody stands in between. Ask its owner for the fingerprint of the new key; if it is right, remove the old one (ssh-keygen -R ${known(host)} -f ${file(host)}) and add the new one`,
  },
  {
    said: /Host key verification failed|No \S+ host key is known/,
    means: (host) =>
      `its host key is not in ${file(host)}: look at it (${scan(host)}), compare its fingerprint with what the server's owner says, and add the line to that file`,
  },
  {
    said: /UNPROTECTED PRIVATE KEY FILE/,
    means: ({ key }) => `others may read the key ${key ?? ''}, so ssh does not use it: chmod 600 it`,
  },
  {
    said: /Permission denied \(([^)]*)\)/,
    means: ({ user, key }, found) =>
      `it does not let ${user ?? 'this user'} in (it takes ${found[1]}): ${key === undefined ? 'a key of the agent or of ~/.ssh' : `the public half of ${key}`} must be in the account's authorized_keys there, and a key with a passphrase must be with the agent`,
  },
  {
    said: /subsystem request failed/i,
    means: () => 'it offers no SFTP: its sshd_config needs `Subsystem sftp internal-sftp`',
  },
  {
    said: /Could not resolve hostname ([^\n]*)/,
    means: (_, found) => `its name is not known (${found[1]})`,
    passes: true,
  },
  { said: /Connection refused/, means: () => 'nothing listens there (connection refused)', passes: true },
  {
    said: /Connection timed out|Operation timed out|No route to host|Network is unreachable/i,
    means: (_, found) => `no answer comes from there (${found[0]})`,
    passes: true,
  },
  {
    said: /Too many authentication failures/,
    means: () => 'the agent offers more keys than it takes: name the one with `key`',
  },
];

/** The end of a session. `spoke`: the server had answered before. */
export function endOf(host: SshHost, said: string, spoke: boolean): Ended {
  const plain = said.replaceAll('\r', '');
  for (const { said: pattern, means, passes } of spoke ? [] : sayings) {
    const found = pattern.exec(plain);
    if (found)
      return new Ended(`${hostLabel(host)} cannot be reached: ${means(host, found)}`, passes ? 'away' : 'never');
  }
  const words = plain
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-2)
    .join(' | ')
    .slice(-300);
  const why = words === '' ? '' : ` (${words})`;
  if (spoke) return new Ended(`the connection to ${hostLabel(host)} was cut${why}`, 'cut');
  const hint =
    words === '' ? ': its log says why (a ChrootDirectory must belong to root and be writable to nobody else)' : '';
  return new Ended(`${hostLabel(host)} ended the connection before it spoke SFTP${why}${hint}`, 'away');
}
