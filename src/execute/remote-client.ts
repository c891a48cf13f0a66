/** The program that reaches a place, with everything that stands before what is run there. */
import { execFile } from 'node:child_process';
import type { Place, SshHost } from '../command.ts';
import { RunnerError } from '../diagnostic.ts';
import { placeName } from '../place-name.ts';
import { quotedWord } from '../shell.ts';
import { sshOptions } from '../ssh.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `argv` ends where the remote words begin; `joined`: they go as one string that a shell there reads. */
export type Client = { argv: string[]; joined: boolean; label: string };

/** What only a run knows of a place: the socket of its ssh connection, the pod that a selector meant. */
export type Reached = { control?: string | null; pod?: string };

/** A place whose names are bound. */
export type BoundPlace = Place;

/** Throws a RunnerError where the place cannot be reached from here at all. */
export async function clientOf(place: BoundPlace, reached: Reached, environment: Environment): Promise<Client> {
  const label = placeName(place);
  if ('docker' in place) return { argv: dockerWords(place), joined: false, label };
  if ('compose' in place) return { argv: composeWords(place), joined: false, label };
  if ('ssh' in place) return { argv: sshWords(place.ssh, reached.control ?? null), joined: true, label };
  if ('kubernetes' in place)
    return { argv: kubernetesWords(place.kubernetes, reached.pod ?? ''), joined: false, label };
  return { argv: await userWords(place.user, environment), joined: false, label };
}

/** The whole argument vector of the client. A shell that reads one string is replaced by what it was told to run. */
export function clientArgv({ argv, joined }: Client, words: readonly string[]): string[] {
  return joined ? [...argv, `exec ${words.map(quotedWord).join(' ')}`] : [...argv, ...words];
}

function dockerWords({ docker, user }: Extract<Place, { docker: unknown }>): string[] {
  return ['docker', 'exec', '--interactive', ...(user ? [`--user=${user}`] : []), '--', String(docker)];
}

function composeWords({ compose, user }: Extract<Place, { compose: unknown }>): string[] {
  const { service, project, file } = compose;
  return [
    ...['docker', 'compose'],
    ...(file ? [`--file=${file}`] : []),
    ...(project ? [`--project-name=${project}`] : []),
    ...['exec', '--no-TTY'],
    ...(user ? [`--user=${user}`] : []),
    ...['--', service],
  ];
}

function kubernetesWords(
  { context, namespace, container }: Extract<Place, { kubernetes: unknown }>['kubernetes'],
  pod: string,
): string[] {
  return [
    ...kubectlWords({ context, namespace }),
    ...['exec', '--stdin', '--quiet'],
    ...(container ? [`--container=${container}`] : []),
    ...[pod, '--'],
  ];
}

export function kubectlWords({
  context,
  namespace,
}: {
  context?: string | undefined;
  namespace?: string | undefined;
}): string[] {
  return ['kubectl', ...(context ? [`--context=${context}`] : []), ...(namespace ? [`--namespace=${namespace}`] : [])];
}

function sshWords(host: SshHost, control: string | null): string[] {
  const shared = control === null ? ['-S', 'none'] : ['-o', 'ControlMaster=no', '-S', control];
  return ['ssh', ...sshOptions(host), ...shared, '-T', '-x', '-a', '--', host.host];
}

/** Root becomes the user; the program's environment is the user's own, not ours. */
async function userWords(user: string, environment: Environment): Promise<string[]> {
  if (process.getuid?.() !== 0)
    throw new RunnerError(`only root can run programs as "${user}": start the runner as root, or take \`run-in\` away`);
  const group = await groupOf(user, environment);
  return ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--init-groups', '--reset-env', '--'];
}

function groupOf(user: string, environment: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('id', ['-g', '--', user], { env: { PATH: environment.PATH, LC_ALL: 'C' } }, (error, stdout) => {
      if (error) reject(new RunnerError(`this machine has no user "${user}"`, { cause: error }));
      else resolve(stdout.trim());
    });
  });
}
