/** Lines to other places that are cut: the stage fails in both directions, and the sentence says so. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command, Place } from '../../src/command.ts';
import { faultOf } from '../../src/execute/blame.ts';
import { type Connections, openConnections } from '../../src/execute/connections.ts';
import { prepareLaunch } from '../../src/execute/launch.ts';
import { runCommand, startPipeline } from '../../src/execute/pipeline.ts';
import { pour } from '../../src/execute/pour.ts';
import { settlePlace } from '../../src/plan/settle.ts';
import { type Container, dockerEngine } from '../helpers/docker.ts';
import { fakeKubectl } from '../helpers/kubectl.ts';
import { isRoot } from '../helpers/programs.ts';
import { temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, type Sshd, startSshd } from '../helpers/ssh.ts';
import { bytesOf, calm } from '../unit/execute/support.ts';

const temporary = temporaryDirectory('runner-cut-');
const directory = temporary.path;
chmodSync(directory, 0o755);
const engine = dockerEngine();
const sshd = hasSshd();

const environment: Record<string, string | undefined> = {
  ...process.env,
  ...engine?.env,
  PATH: `${fakeKubectl(directory)}:${process.env.PATH}`,
};
const clients: number[] = [];
const guard = { watch: (group: number) => void clients.push(group), unwatch: () => {} };
const containers: Container[] = [];
let server: Sshd;
let connections: Connections;

beforeAll(async () => {
  connections = openConnections({ environment, directory, shared: true });
  if (sshd) {
    mkdirSync(join(directory, 'sshd'));
    server = await startSshd(join(directory, 'sshd'));
  }
});

afterAll(async () => {
  await connections.close();
  await server?.stop();
  for (const container of containers) container.remove();
  temporary.remove();
});

const nowhere = { out: (reference: string) => reference, work: (path: string) => join(directory, 'work', path) };
const prepare = (command: Command, more: Record<string, string> = {}) =>
  prepareLaunch(command, nowhere, {
    environment: { ...environment, ...more },
    readSecret: async () => '',
    runId: 'test',
    directory,
    connections,
  });

function container(): Container {
  const made = engine!.run(engine!.image('tools', ['base64']), ['sleep', '3600']);
  containers.push(made);
  return made;
}

/** What ends a line in the middle of it, by name: where it leads, and what is done when bytes flow. */
type Cut = [string, () => { place: Place; more?: Record<string, string>; cut?: () => void }];
const cuts: Cut[] = [
  ...(engine
    ? ([
        [
          'the docker client is killed',
          () => ({ place: { docker: container().name }, cut: () => process.kill(-clients[0]!, 'SIGKILL') }),
        ],
        [
          'the container is stopped',
          () => {
            const one = container();
            return { place: { docker: one.name }, cut: () => one.stop() };
          },
        ],
      ] as Cut[])
    : []),
  ...(sshd
    ? ([
        [
          'the ssh connection is killed',
          () => ({ place: settlePlace(server.runIn) as Place, cut: () => killSessions(server.pid) }),
        ],
      ] as Cut[])
    : []),
  [
    'kubectl stops half way and exits 0',
    () => ({ place: { kubernetes: { pod: 'db-0' } }, more: { KUBECTL_CUT: '200000' } }),
  ],
  [
    'kubectl is killed',
    () => ({ place: { kubernetes: { pod: 'db-0' } }, cut: () => process.kill(-clients[0]!, 'SIGKILL') }),
  ],
];

/** The processes of a server that serve one connection each. */
function killSessions(pid: number): void {
  for (const id of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${id}/stat`, 'latin1');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) process.kill(Number(id), 'SIGKILL');
    } catch {}
  }
}

describe.each(cuts)('%s', (_name, setUp) => {
  test.each([
    ['read by us', false],
    ['through another program', true],
  ])('a dump fails, %s', async (_how, through) => {
    const { place, more, cut } = setUp();
    const produce = await prepare(
      { argv: ['sh', '-c', 'while :; do head -c 50000 /dev/zero; sleep 0.05; done'], place },
      more,
    );
    clients.length = 0;
    const stages = [produce, ...(through ? [await prepare({ argv: ['cat'] })] : [])];
    const pipeline = startPipeline(stages, { input: 'none', output: 'pipe', guard, signal: calm });
    if (cut) pipeline.output?.once('data', () => setTimeout(cut, 300));
    const bytes = await bytesOf(pipeline.output as AsyncIterable<Buffer>);
    const ended = await pipeline.ended;
    expect(bytes.length).toBeGreaterThan(0);
    expect(ended[0]?.fault?.kind).toBe('cut');
    expect(faultOf(ended)?.message).toMatch(/^the connection to \S+ \S+ was cut before "sh" had ended there \(/);
  });

  test('a restore fails, and its program never sees the end of its input', async () => {
    const { place, more, cut } = setUp();
    const mark = `/tmp/cut-${randomBytes(4).toString('hex')}`;
    const argv = ['sh', '-c', 'cat >/dev/null; echo ended > "$1"', 'sh', mark];
    const consume = await prepare({ argv, place }, { ...more, ...(more ? { KUBECTL_CUT: '1' } : {}) });
    clients.length = 0;
    if (cut) setTimeout(cut, 500);
    const half = async function* () {
      for (let round = 0; round < 100; round += 1) {
        yield Buffer.alloc(100_000, 'x');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const poured = pour({ source: Readable.from(half()), decode: [], intake: { consume }, guard, signal: calm });
    await expect(poured).rejects.toThrow(/the connection to \S+ \S+ was cut|cannot be reached/);
    // Nothing of it is left that could still come to write it.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const look = { argv: ['ls', mark] };
    const host =
      'docker' in place ? containers.find(({ name }) => name === place.docker)!.exec(['ls', mark]).status : null;
    expect(host ?? spawnSync('ls', look.argv.slice(1)).status).not.toBe(0);
  });
});

describe('what cannot be reached is told in a sentence', () => {
  const told = async (place: Place, more: Record<string, string> = {}) => {
    const fresh = openConnections({ environment: { ...environment, ...more }, directory, shared: false });
    try {
      const host = { environment: { ...environment, ...more }, readSecret: async () => '', runId: 'test', directory };
      const launch = await prepareLaunch({ argv: ['true'], place }, nowhere, { ...host, connections: fresh });
      return faultOf([await runCommand(launch, { guard, signal: calm })])?.message;
    } catch (error) {
      return (error as Error).message;
    } finally {
      await fresh.close();
    }
  };

  test.skipIf(!engine)('containers', async () => {
    expect(await told({ docker: 'no-such' })).toMatch(
      /^docker no-such cannot be reached \(.*No such container: no-such/,
    );
    const stopped = container();
    stopped.stop();
    expect(await told({ docker: stopped.name })).toMatch(/cannot be reached \(.*is not running/);
    expect(await told({ docker: container().name, user: 'no-such' })).toMatch(
      /cannot be reached \(.*no-such: no matching entries in passwd file/,
    );
  });

  test.skipIf(!sshd)('hosts', async () => {
    const { ssh } = settlePlace(server.runIn) as { ssh: { host: string; port: number; knownHosts: string } };
    const unknown = join(directory, 'unknown_hosts');
    writeFileSync(unknown, '');
    expect(await told({ ssh: { ...ssh, knownHosts: unknown } })).toMatch(
      /^ssh root@127.0.0.1 cannot be reached.*Host key verification failed/,
    );
    expect(await told({ ssh: { ...ssh, port: 1 } })).toMatch(/cannot be reached.*Connection refused/);
    expect(await told({ ssh: { ...ssh, key: join(directory, 'sshd', 'host') } as never })).toMatch(/Permission denied/);
  });

  test('pods', async () => {
    expect(await told({ kubernetes: { pod: 'gone' } })).toMatch(
      /^kubernetes gone cannot be reached .*pods "gone" not found/,
    );
    const some = (lines: string) => told({ kubernetes: { selector: 'app=db' } }, { KUBECTL_PODS: lines });
    expect(await some('')).toMatch(/^the selector app=db must mean one running pod, and no running pod matches it/);
    expect(await some('db-0 \ndb-1 \n')).toMatch(/and it matches 2: db-0, db-1/);
    expect(await some('db-0 \ndb-1 2026-01-01T00:00:00Z\n')).toBeUndefined();
    expect(readFileSync(join(directory, 'kubectl.called'), 'utf8')).toMatch(
      /^exec\n--stdin\n--quiet\ndb-0\n--\nsh\n-c\n/,
    );
  });

  test.skipIf(!isRoot)('users', async () => {
    expect(await told({ user: 'no-such-user' })).toBe('this machine has no user "no-such-user"');
  });
});
