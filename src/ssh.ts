/** How OpenSSH's client is called, whoever calls it: nobody is asked, nothing unknown is trusted. */
import type { SshHost } from './command.ts';
import { quotedWord } from './shell.ts';

/** Seconds: a connection that is not there by then will not come; one that is silent for three times `alive` is cut. */
const connect = 15;
const alive = 5;

/** Options of every connection to a host, the one between included. */
export function sshOptions(host: SshHost): string[] {
  const { user, port, jump } = host;
  return [
    ...trustOptions(host),
    ...(jump ? ['-o', `ProxyCommand=${proxyCommand(host, jump)}`] : []),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user ? ['-l', user] : []),
  ];
}

/** Who is trusted, and when a connection counts as broken: without the host's own name and port. */
export function trustOptions({ key, knownHosts }: Omit<SshHost, 'host'>): string[] {
  const settings = [
    ...['BatchMode=yes', 'StrictHostKeyChecking=yes', 'ClearAllForwardings=yes', 'PermitLocalCommand=no'],
    ...['LogLevel=ERROR', `ConnectTimeout=${connect}`, `ServerAliveInterval=${alive}`, 'ServerAliveCountMax=3'],
    ...(knownHosts ? [`UserKnownHostsFile="${tokens(knownHosts)}"`, 'GlobalKnownHostsFile=/dev/null'] : []),
    ...(key ? ['IdentitiesOnly=yes', `IdentityFile="${tokens(key)}"`] : []),
  ];
  return settings.flatMap((setting) => ['-o', setting]);
}

/** OpenSSH's own -J hands neither the key nor the known hosts on to the connection to the host between. */
function proxyCommand(host: SshHost, jump: string): string {
  const words = ['ssh', ...trustOptions(host).map(tokens), '-S', 'none', '-W', '[%h]:%p', '--', `ssh://${jump}`];
  return words.map((word) => (/^[\w=-]+$/.test(word) ? word : quotedWord(word))).join(' ');
}

/** `%` begins a token of ssh's. */
function tokens(text: string): string {
  return text.replaceAll('%', '%%');
}
