/** SFTP servers of a test's own: OpenSSH's, whole, or with a fault between it and the client. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SftpSpec } from '../../src/destinations/sftp/index.ts';
import { able } from './programs.ts';
import { hasSshd, type Sshd } from './ssh.ts';

export const sftpServer = '/usr/lib/openssh/sftp-server';

const filter = resolve(import.meta.dirname, '..', 'fakes', 'sftp-filter.mjs');

/** Whether one can be started here. Says why not. */
export const hasSftp = hasSshd() && able(existsSync(sftpServer), 'sftp-server');

/** What `Subsystem sftp` runs for a server with a fault: see `sftp-filter.mjs`. */
export const filtered = (mode: string, control = '') =>
  `${process.execPath} ${filter} ${sftpServer} ${mode} ${control}`;

export function specOf({ port, key, knownHosts, user }: Sshd, path: string, more: Partial<SftpSpec> = {}): SftpSpec {
  return { host: '127.0.0.1', port, user, key, 'known-hosts': knownHosts, path, ...more };
}

/** The ssh processes that a process has started. */
export function clientsOf(pid: number): number[] {
  return processes().flatMap(({ id, parent, words }) => (parent === pid && /^ssh /.test(words) ? [id] : []));
}

/** The ssh processes that speak with this port. */
export function clientsAt(port: number): number[] {
  return processes().flatMap(({ id, words }) =>
    words.startsWith('ssh ') && words.includes(`-p ${port} `) ? [id] : [],
  );
}

/** The processes below one, its children's children too. */
export function below(pid: number): { id: number; words: string }[] {
  const all = processes();
  const children = all.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...below(child.id)]);
}

function processes(): { id: number; parent: number; words: string }[] {
  const { stdout } = spawnSync('ps', ['-ww', '-eo', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    return found ? [{ id: Number(found[1]), parent: Number(found[2]), words: found[3]! }] : [];
  });
}
