/** The same programs at every kind of place: what goes there arrives, what comes back is whole, and what is cut is told. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command, Place } from '../../src/command.ts';
import { faultOf } from '../../src/execute/blame.ts';
import { type Connections, openConnections } from '../../src/execute/connections.ts';
import { type LaunchHost, prepareLaunch } from '../../src/execute/launch.ts';
import { runCommand, startPipeline } from '../../src/execute/pipeline.ts';
import { pour } from '../../src/execute/pour.ts';
import { startProgram } from '../../src/execute/start.ts';
import { settlePlace } from '../../src/plan/settle.ts';
import { siteFacts } from '../../src/programs.ts';
import { type Container, dockerEngine } from '../helpers/docker.ts';
import { fakeKubectl } from '../helpers/kubectl.ts';
import { has, isRoot } from '../helpers/programs.ts';
import { temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, type Sshd, startSshd } from '../helpers/ssh.ts';
import { bytesOf, calm, until } from '../unit/execute/support.ts';

const temporary = temporaryDirectory('runner-in-');
const directory = temporary.path;
chmodSync(directory, 0o755);
const engine = dockerEngine();
const sshd = hasSshd();
const asUser = isRoot && has('setpriv');

const environment: Record<string, string | undefined> = {
  ...process.env,
  ...engine?.env,
  PATH: `${fakeKubectl(directory)}:${process.env.PATH}`,
};
const secrets: Record<string, string> = { password: `p\\w:"'$\`;&|<> \t#~%${'é'}` };
let connections: Connections;
let container: Container;
let server: Sshd;
let image: string;
let project: string;

const host = (): LaunchHost => ({
  environment,
  readSecret: async (name) => secrets[name]!,
  runId: `test-${randomBytes(4).toString('hex')}`,
  directory,
  connections,
});

const places: [string, () => Place][] = [
  ...(engine ? ([['docker', () => ({ docker: container.name })]] as [string, () => Place][]) : []),
  ...(engine
    ? ([['docker as another user', () => ({ docker: container.name, user: 'nobody' })]] as [string, () => Place][])
    : []),
  ...(engine?.compose
    ? ([['compose', () => ({ compose: { service: 'app', project, file: join(directory, 'compose.yaml') } })]] as [
        string,
        () => Place,
      ][])
    : []),
  ...(sshd ? ([['ssh', () => settlePlace(server.runIn) as Place]] as [string, () => Place][]) : []),
  ...(sshd
    ? ([
        [
          'ssh through another host',
          () => ({
            ssh: {
              ...(settlePlace(server.runIn) as { ssh: { host: string } }).ssh,
              jump: `root@127.0.0.1:${server.port}`,
            },
          }),
        ],
      ] as [string, () => Place][])
    : []),
  ['kubernetes', () => ({ kubernetes: { namespace: 'shop', pod: 'db-0', container: 'postgres' } })],
  ...(asUser ? ([['user', () => ({ user: 'nobody' })]] as [string, () => Place][]) : []),
];

beforeAll(async () => {
  connections = openConnections({ environment, directory, shared: true });
  if (engine) {
    image = engine.image('tools', ['base64']);
    container = engine.run(image, ['sleep', '3600']);
  }
  if (engine?.compose) {
    project = `runner-test-${randomBytes(4).toString('hex')}`;
    const service = `services:\n  app:\n    image: ${image}\n    init: true\n    network_mode: none\n    pull_policy: never\n    command: [sleep, "3600"]\n`;
    writeFileSync(join(directory, 'compose.yaml'), service);
    const up = engine.docker(['compose', '-f', join(directory, 'compose.yaml'), '-p', project, 'up', '-d']);
    expect(up.status, up.stderr).toBe(0);
  }
  if (sshd) {
    const folder = join(directory, 'sshd with a space');
    mkdirSync(folder);
    server = await startSshd(folder);
  }
});

afterAll(async () => {
  await connections.close();
  await server?.stop();
  container?.remove();
  if (project) engine?.docker(['compose', '-f', join(directory, 'compose.yaml'), '-p', project, 'down', '-t', '0']);
  temporary.remove();
});

const nowhere = {
  out: (reference: string) => {
    throw new Error(reference);
  },
  work: (path: string) => join(directory, 'work', path),
};
const prepare = (command: Command) => prepareLaunch(command, nowhere, host());
const run = async (command: Command) => runCommand(await prepare(command), { guard, signal: calm });
/** Process groups that were started here. */
const clients: number[] = [];
const guard = { watch: (group: number) => void clients.push(group), unwatch: () => {} };
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

describe.each(places)('in %s', (_name, place) => {
  test('odd arguments, a secret in a file and in a variable, the exit code', async () => {
    const odd = [
      '--',
      '-x',
      "it's",
      '"$(id)"',
      '`id`',
      ';',
      '',
      ' two  words ',
      'ünï\nline',
      '*',
      '$HOME',
      '\\0041',
      '%s',
      '!x',
    ];
    const script = 'printf "[%s]" "$@"; cat "$FILE"; printf "<%s>" "$WORD"; pwd; echo said >&2; exit 7';
    const ended = await run({
      argv: ['sh', '-c', script, 'x', ...odd],
      env: { WORD: { secret: 'password' }, FILE: { work: 'pass' } },
      files: [{ path: 'pass', value: { text: ['a:', { secret: 'password', encode: 'pgpass' }, '\n'] } }],
      cwd: { work: '.' },
      place: place(),
    });
    const pass = `a:${secrets.password!.replaceAll(/[\\:]/g, '\\$&')}\n`;
    expect(ended.stdout).toBe(
      `${odd.map((word) => `[${word}]`).join('')}${pass}<${secrets.password}>/tmp/work-there\n`,
    );
    expect([ended.exitCode, ended.stderr]).toEqual([7, 'said\n']);
    expect((await run({ argv: ['ls', '/tmp/work-there'], place: place() })).exitCode).not.toBe(0);
  });

  test('what it prints arrives, all bytes of it, through other programs', async () => {
    const data = Buffer.concat([everyByte, randomBytes(40_000), everyByte, Buffer.from('\n')]);
    const text = data.toString('base64');
    const produce = await prepare({ argv: ['sh', '-c', 'printf %s "$1" | base64 -d', 'sh', text], place: place() });
    const here = await prepare({ argv: ['cat'] });
    const pipeline = startPipeline([produce, here], { input: 'none', output: 'pipe', guard, signal: calm });
    const bytes = await bytesOf(pipeline.output as AsyncIterable<Buffer>);
    const ended = await pipeline.ended;
    expect(faultOf(ended)).toBeNull();
    expect(bytes.equals(data)).toBe(true);
  });

  test('what it reads arrives, all bytes of it', async () => {
    const data = Buffer.concat([everyByte, randomBytes(5_000_000), everyByte]);
    const name = `/tmp/in-${randomBytes(4).toString('hex')}`;
    const consume = await prepare({ argv: ['sh', '-c', 'cat > "$1"', 'sh', name], place: place() });
    await pour({ source: Readable.from([data]), decode: [], intake: { consume }, guard, signal: calm });
    const back = await prepare({ argv: ['cat', name], place: place() });
    const pipeline = startPipeline([back], { input: 'none', output: 'pipe', guard, signal: calm });
    expect((await bytesOf(pipeline.output as AsyncIterable<Buffer>)).equals(data)).toBe(true);
    await run({ argv: ['rm', name], place: place() });
  });

  test('a session answers line by line, and ends when it is told to', async () => {
    const session = startProgram(
      await prepare({ argv: ['sh', '-c', 'while read -r line; do echo "got $line"; done; exit 3'], place: place() }),
      'pipe',
      'live',
      guard,
    );
    let said = '';
    session.stdout?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    session.stdin?.write('one\n');
    await until(() => said === 'got one\n');
    expect((await session.finish('end-of-input', 10)).exitCode).toBe(3);
  });

  test('our sudden silence ends the program and what it started, and its input never ends', async () => {
    const name = `/tmp/mark-${randomBytes(4).toString('hex')}`;
    const script = 'trap "" TERM; echo $$ >"$1"; sleep 97 & cat >/dev/null; echo ended >"$1.end"';
    const started = startProgram(
      await prepare({ argv: ['sh', '-c', script, 'sh', name], place: place() }),
      'pipe',
      'ignore',
      guard,
    );
    const before = [...clients];
    started.stdin?.write('some');
    await eventually(async () => (await run({ argv: ['cat', name], place: place() })).stdout !== '');
    // As if we had been killed: the client is gone without a word.
    const client = before.at(-1)!;
    process.kill(-client, 'SIGKILL');
    const ended = await started.ended;
    expect(ended.fault?.kind).toBe('cut');
    const there = await run({ argv: ['cat', name], place: place() });
    const isGone = { argv: ['sh', '-c', 'kill -0 "$1" 2>/dev/null', 'sh', there.stdout.trim()], place: place() };
    const began = performance.now();
    await eventually(async () => (await run(isGone)).exitCode !== 0);
    expect(performance.now() - began).toBeLessThan(30_000);
    expect((await run({ argv: ['ls', `${name}.end`], place: place() })).exitCode).not.toBe(0);
    await run({ argv: ['rm', name], place: place() });
  });

  test('its programs are found in one round trip', async () => {
    const site = await siteFacts(['tar', 'no-such-program', 'sleep'], ['/usr/*in', '/no/such/*'], place(), {
      environment,
      directory,
    });
    expect(site.programs['no-such-program']).toBeNull();
    expect(site.programs.tar?.version).toMatch(/^tar \(GNU tar\)/);
    expect(site.installed.sleep?.map(({ path }) => path)).toContain('/usr/bin/sleep');
  });
});

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}
