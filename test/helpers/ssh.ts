/** An OpenSSH server of a test's own, on loopback, with keys of its own. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './port.ts';
import { able, has, isRoot } from './programs.ts';

export type Sshd = {
  port: number;
  user: string;
  /** The file of the private key that it lets in. */
  key: string;
  knownHosts: string;
  pid: number;
  /** What stands in a plan under `run-in`. */
  runIn: { ssh: { host: string; port: number; user: string; key: string; 'known-hosts': string } };
  stop(): Promise<void>;
};

const program = '/usr/sbin/sshd';

/** Whether one can be started here: it wants to be root. Says why not. */
export function hasSshd(): boolean {
  return able(existsSync(program) && isRoot, 'sshd') && has('ssh', 'ssh-keygen');
}

export type SshdOptions = {
  /** What its `Subsystem sftp` runs; default `internal-sftp`. */
  sftp?: string;
  /** More lines of its configuration. */
  lines?: string[];
  /** Who logs in; default `root`. */
  user?: string;
  /** A program and its words that starts it in its own place, as `strace -D` does. */
  under?: string[];
};

/**
 * Starts one that keeps everything below `directory`, which must exist. `environment` is what its sessions see; their home is
 * that directory, since a shell that is started by ssh first does all that stands in the `.bashrc` of its user.
 */
export async function startSshd(
  directory: string,
  environment: Record<string, string> = {},
  options: SshdOptions = {},
): Promise<Sshd> {
  const path = (name: string) => join(directory, name);
  for (const name of ['host', 'client'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'runner-test', '-f', path(name)]);
  const port = await freePort();
  writeFileSync(path('authorized'), readFileSync(path('client.pub')));
  // Another user's session reads it as that user.
  chmodSync(path('authorized'), options.user === undefined ? 0o600 : 0o644);
  writeFileSync(path('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(path('host.pub'), 'utf8')}`);
  const set = Object.entries({ HOME: directory, ...environment }).map(([name, value]) => `${name}="${value}"`);
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey "${path('host')}"`,
    `AuthorizedKeysFile "${path('authorized')}"`,
    `PidFile "${path('pid')}"`,
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    // Several tests come at once, each with several sessions.
    'MaxStartups 100',
    `Subsystem sftp ${options.sftp ?? 'internal-sftp'}`,
    `SetEnv ${set.join(' ')}`,
    ...(options.lines ?? []),
  ];
  writeFileSync(path('config'), `${lines.join('\n')}\n`);
  mkdirSync('/run/sshd', { recursive: true });
  const [first, ...words] = [...(options.under ?? []), program, '-D', '-f', path('config'), '-E', path('log')];
  const child = spawn(first!, words, { stdio: 'ignore' });
  const gone = once(child, 'exit');
  const { user = 'root' } = options;
  while (!existsSync(path('pid'))) {
    if (child.exitCode !== null) throw new Error(`sshd did not start: ${readFileSync(path('log'), 'utf8')}`);
    await sleep(20);
  }
  const parts = { host: '127.0.0.1', port, user, key: path('client'), 'known-hosts': path('known_hosts') };
  return {
    port,
    user,
    key: path('client'),
    knownHosts: path('known_hosts'),
    pid: child.pid!,
    runIn: { ssh: parts },
    stop: async () => {
      child.kill();
      await gone;
    },
  };
}
