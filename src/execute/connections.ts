/** Ways to other places that a run keeps: one ssh connection a host, one pod a selector, private directories there. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place, SshHost } from '../command.ts';
import { RunnerError } from '../diagnostic.ts';
import { sshOptions } from '../ssh.ts';
import { lastLines } from './blame.ts';
import { endGroup } from './group.ts';
import type { Guard } from './guard.ts';
import { type Client, clientArgv, clientOf, kubectlWords } from './remote-client.ts';
import { directoryThere } from './remote-launch.ts';
import { TransientError } from './transient.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type Connections = {
  /** How a bound place is reached. Rejects with a RunnerError that says why it is not. */
  reach(place: Place): Promise<Client>;
  /** A private directory was made here: programs elsewhere may have one of the same name until it is cleared. */
  keep(directory: string): void;
  /** A program at this place uses it; false where it was not kept. */
  uses(directory: string, place: Place): boolean;
  /** Removes it wherever programs used it. Never rejects: returns what is still there, in sentences. */
  clear(directory: string): Promise<string[]>;
  /** Ends the connections. */
  close(): Promise<void>;
};

export type ConnectionsHost = {
  environment: Environment;
  /** Where clients start: the plan's folder. */
  directory?: string;
  /** Told of what must be ended or removed when we die. */
  guard?: Guard;
  /** Keeps an ssh connection open for the next program. */
  shared: boolean;
};

/** Milliseconds that kubectl may take to name the pods, and a connection to be made. */
const answerTime = 20_000;
const connectTime = 30_000;

export function openConnections(host: ConnectionsHost): Connections {
  const clients = new Map<string, Promise<Client>>();
  const kept = new Map<string, Map<string, Place>>();
  // A connection that broke is made anew for the next program.
  const masters = new Masters(host, () => clients.clear());
  const reach = (place: Place): Promise<Client> => {
    const key = JSON.stringify(place);
    const known = clients.get(key) ?? reachNew(place, masters, host);
    clients.set(key, known);
    // What failed once may work the next time.
    known.catch(() => clients.delete(key));
    return known;
  };
  return {
    reach,
    keep: (directory) => void kept.set(directory, new Map()),
    uses: (directory, place) => {
      const places = kept.get(directory);
      if (!places) return false;
      const key = JSON.stringify(place);
      if (places.has(key)) return true;
      places.set(key, place);
      void reach(place).then((client) => host.guard?.arm(key + directory, removal(client, directory)));
      return true;
    },
    clear: async (directory) => {
      const places = [...(kept.get(directory) ?? [])];
      kept.delete(directory);
      const left = await Promise.all(places.map(([, place]) => removeThere(place, directory, reach, host)));
      for (const [key] of places) host.guard?.disarm(key + directory);
      return left.filter((problem) => problem !== null);
    },
    close: () => masters.close(),
  };
}

async function reachNew(place: Place, masters: Masters, host: ConnectionsHost): Promise<Client> {
  if ('ssh' in place) {
    const control = host.shared ? await masters.to(place.ssh) : null;
    return await clientOf(place, { control }, host.environment);
  }
  const pod = 'kubernetes' in place ? { pod: await podOf(place.kubernetes, host) } : {};
  return await clientOf(place, pod, host.environment);
}

function removal(client: Client, directory: string): string[] {
  return clientArgv(client, ['rm', '-rf', '--', directoryThere(directory)]);
}

async function removeThere(
  place: Place,
  directory: string,
  reach: Connections['reach'],
  host: ConnectionsHost,
): Promise<string | null> {
  try {
    const client = await reach(place);
    const { problem } = await output(removal(client, directory), host, answerTime);
    return problem === null ? null : `${directoryThere(directory)} is still in ${client.label}: ${problem}`;
  } catch (error) {
    return `${directoryThere(directory)} could not be removed: ${(error as Error).message}`;
  }
}

type Kubernetes = Extract<Place, { kubernetes: unknown }>['kubernetes'];

/** A pod that is being deleted still counts as running for the server. */
const podLines = '{range .items[*]}{.metadata.name}{" "}{.metadata.deletionTimestamp}{"\\n"}{end}';

/** The one running pod. */
async function podOf(place: Kubernetes, host: ConnectionsHost): Promise<string> {
  if (place.pod !== undefined) return String(place.pod);
  const { selector = '' } = place;
  const words = ['get', 'pods', `--selector=${selector}`, '--field-selector=status.phase=Running'];
  const argv = [...kubectlWords(place), ...words, `--output=jsonpath=${podLines}`];
  const { stdout, problem } = await output(argv, host, answerTime);
  if (problem !== null) throw new RunnerError(`the pods of ${selector} could not be listed: ${problem}`);
  const pods = stdout
    .split('\n')
    .filter((line) => /^\S+ $/.test(line))
    .map((line) => line.trim());
  if (pods.length === 1) return pods[0]!;
  const found = pods.length === 0 ? 'no running pod matches it' : `it matches ${pods.length}: ${pods.join(', ')}`;
  throw new RunnerError(`the selector ${selector} must mean one running pod, and ${found}`);
}

/** Runs a client that is no program of the plan's; `problem` is what it said when it failed. */
function output(
  [program = '', ...words]: string[],
  { environment, directory }: ConnectionsHost,
  timeout: number,
): Promise<{ stdout: string; problem: string | null }> {
  return new Promise((resolve) => {
    const options = { env: { ...environment }, timeout, ...(directory === undefined ? {} : { cwd: directory }) };
    const child = execFile(program, words, options, (error, stdout, stderr) => {
      const missing = (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
      const said = missing ? `"${program}" was not found on PATH` : lastLines(stderr) || error?.message || '';
      resolve({ stdout, problem: error === null ? null : said });
    });
    child.stdin?.end();
  });
}

/** One OpenSSH master a host: what follows shares its connection. They end with the run, or with us. */
class Masters {
  private readonly sockets = new Map<string, Promise<string>>();
  private readonly groups: number[] = [];
  private folder: Promise<string> | undefined;
  private made = 0;

  constructor(
    private readonly host: ConnectionsHost,
    private readonly lost: () => void,
  ) {}

  to(host: SshHost): Promise<string> {
    const key = JSON.stringify(host);
    const known = this.sockets.get(key) ?? this.connect(host, String(++this.made));
    this.sockets.set(key, known);
    known.catch(() => this.sockets.delete(key));
    return known;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.sockets.values());
    await Promise.all(
      this.groups.map(async (group) => {
        await endGroup(group);
        this.host.guard?.unwatch(group);
      }),
    );
    const folder = await this.folder;
    if (folder === undefined) return;
    await rm(folder, { recursive: true, force: true });
    this.host.guard?.keep(folder);
  }

  private async connect(host: SshHost, name: string): Promise<string> {
    this.folder ??= this.makeFolder();
    const socket = join(await this.folder, name);
    const argv = [
      ...sshOptions(host),
      '-o',
      'ControlPersist=no',
      '-M',
      '-N',
      '-T',
      '-x',
      '-a',
      '-S',
      socket,
      '--',
      host.host,
    ];
    const { environment, directory, guard } = this.host;
    const child = spawn('ssh', argv, {
      env: { ...environment },
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(directory === undefined ? {} : { cwd: directory }),
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4096);
    });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', () => resolve(lastLines(said) || 'ssh ended without a word'));
    });
    if (child.pid === undefined) throw new RunnerError(`ssh ${host.host} was not started: ${await ended}`);
    this.groups.push(child.pid);
    guard?.watch(child.pid);
    let problem: string | null = null;
    void ended.then((text) => {
      problem = text;
      this.sockets.delete(JSON.stringify(host));
      this.lost();
    });
    const deadline = performance.now() + connectTime;
    while (!existsSync(socket)) {
      await sleep(20);
      if (problem !== null) throw new TransientError(`ssh ${host.host} cannot be reached: ${problem}`);
      if (performance.now() > deadline) throw new TransientError(`ssh ${host.host} did not answer in time`);
    }
    child.unref();
    (child.stderr as unknown as { unref(): void }).unref();
    return socket;
  }

  /** The path of a socket may have some hundred bytes at most, and ssh adds some of its own. */
  private async makeFolder(): Promise<string> {
    const wanted = this.host.environment.TMPDIR || tmpdir();
    const folder = await mkdtemp(join(Buffer.byteLength(wanted) > 60 ? '/tmp' : wanted, 'runner-'));
    this.host.guard?.removeLater(folder);
    return folder;
  }
}
