/** A folder at another host, over OpenSSH's own client: the server needs nothing but SFTP. */

import { normalize } from 'node:path/posix';
import type { SshHost } from '../../command.ts';
import type { DestinationKind } from '../../destination.ts';
import type { Requirement } from '../../graph.ts';
import { shellWord } from '../../shell.ts';

export type SftpSpec = {
  host: string;
  user?: string;
  port?: number;
  path: string;
  key?: string;
  'known-hosts'?: string;
  jump?: string;
  /** Octal texts; default `"0600"` and `"0700"`. */
  modes?: { files?: string; directories?: string };
};

/** Seconds without any answer after which a session is given up. */
const patience = 60;

export const sftp: DestinationKind<SftpSpec> = {
  role: 'destination',
  type: 'sftp',

  requirements: (_name: string, spec: SftpSpec): Requirement[] => {
    const why = `backups are written to ${sftp.describe(spec)}`;
    return [{ need: 'program', program: 'ssh', why, hint: 'install the client of OpenSSH (openssh-client)' }];
  },

  describe: (spec: SftpSpec) => {
    const { user, host, port } = spec;
    const path = rootOf(spec);
    return `sftp://${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}${path.startsWith('/') ? path : `/~/${path}`}`;
  },

  fetch: (spec: SftpSpec, key: string) => {
    const { user, host, port, jump } = spec;
    const options = [
      ...(port === undefined ? [] : ['-P', String(port)]),
      ...(spec.key === undefined ? [] : ['-i', spec.key]),
      ...(spec['known-hosts'] === undefined ? [] : ['-o', `UserKnownHostsFile="${spec['known-hosts']}"`]),
      ...(jump === undefined ? [] : ['-J', jump]),
    ];
    const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
    const from = `${user === undefined ? '' : `${user}@`}${name}:${escaped(`${rootOf(spec).replace(/\/+$/, '')}/${key}`)}`;
    return ['sftp', ...options, from, '.'].map(shellWord).join(' ');
  },

  open: async (name: string, spec: SftpSpec, { environment }) => await openSftp(name, spec, environment, patience),
};

/** Exported for tests, whose patience is shorter. */
export async function openSftp(
  name: string,
  spec: SftpSpec,
  environment: Readonly<Record<string, string | undefined>>,
  seconds: number,
) {
  const [{ Connection }, { SftpStore }, { explained }] = await Promise.all([
    import('./connection.ts'),
    import('./store.ts'),
    import('./faults.ts'),
  ]);
  const connection = new Connection(hostOf(spec), environment, seconds);
  try {
    await connection.files();
  } catch (error) {
    throw await explained(error, name, 'open', rootOf(spec), null);
  }
  const modes = {
    files: Number.parseInt(spec.modes?.files ?? '0600', 8),
    directories: Number.parseInt(spec.modes?.directories ?? '0700', 8),
  };
  return new SftpStore({ name, root: rootOf(spec) }, modes, connection);
}

function hostOf({ host, user, port, key, jump, 'known-hosts': knownHosts }: SftpSpec): SshHost {
  const parts = { host, user, port, key, jump, knownHosts };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as SshHost;
}

/** `~` is where the account's sessions begin, and so is what begins with no slash. */
function rootOf({ path }: SftpSpec): string {
  const below = normalize(path.replace(/^~(\/+|$)/, ''));
  return below === '/' ? below : below.replace(/\/+$/, '');
}

/** sftp reads the path as a shell would, with patterns. */
function escaped(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9_./:@%+=,~-]/gu, '\\$&');
}
