/** The way to a server: OpenSSH's own client, whose standard input and output are those of the server's SFTP. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SshHost } from '../../command.ts';
import { sshOptions } from '../../ssh.ts';
import { endOf, hostLabel } from './ends.ts';
import { Ended, type Line } from './session.ts';

/** Milliseconds that ssh has to end when its input has. */
const patience = 2000;

/**
 * Starts ssh. It ends with us however we end, because its input does; a signal of the terminal does not reach it, so that what we
 * leave can still be tidied up. Throws Ended where it cannot be started at all.
 */
export function openLine(host: SshHost, environment: Readonly<Record<string, string | undefined>>): Line {
  for (const [what, file] of [
    ['key', host.key],
    ['file of known hosts', host.knownHosts],
  ] as const)
    if (file !== undefined && !existsSync(file)) throw new Ended(`its ${what} ${file} is not there`, 'never');
  const words = [...sshOptions(host), '-S', 'none', '-T', '-x', '-a', '-s', '--', host.host, 'sftp'];
  const child = spawn('ssh', words, { env: { ...environment }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-8192);
  });
  let spoke = false;
  child.stdout.once('data', () => {
    spoke = true;
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    // A client in between may hold its standard error open for longer than it lives.
    child.once('exit', () => setTimeout(resolve, 500).unref());
    child.once('error', () => resolve());
  });
  const ended = Promise.race([
    new Promise<Ended>((resolve) => {
      child.once('error', (error) => resolve(new Ended(notStarted(error), 'never')));
    }),
    gone.then(() => endOf(host, said, spoke)),
  ]);
  const end = async (now = false): Promise<void> => {
    child.stdin.end();
    if (!now) await Promise.race([gone, sleep(patience, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) kill(child.pid);
    await gone;
  };
  return { input: child.stdin, output: child.stdout, ended, end };

  function notStarted(error: Error): string {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? '"ssh" was not found on PATH: install the client of OpenSSH' : error.message;
    return `${hostLabel(host)} cannot be reached: ${why}`;
  }
}

/** With the client of the host between, which is of its group. */
function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {}
}
