/** Whole runs of the program whose sources, hooks and checks run elsewhere. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Container, dockerEngine } from '../helpers/docker.ts';
import { fakeKubectl } from '../helpers/kubectl.ts';
import { has, isRoot } from '../helpers/programs.ts';
import { built, cli, runner, temporaryDirectory } from '../helpers/runner.ts';
import { hasSshd, type Sshd, startSshd } from '../helpers/ssh.ts';
import { waitFor } from '../proofs/support.ts';

const temporary = temporaryDirectory('runner-runs-');
const directory = temporary.path;
chmodSync(directory, 0o755);
const engine = dockerEngine();
const sqlite = has('sqlite3');
const sentinel = `s3ntinel"'$;\\${Math.random()}`;
const env = { ...engine?.env, WORD: sentinel, PATH: `${fakeKubectl(directory)}:${process.env.PATH}` };
const sshd = hasSshd();
let container: Container;
let server: Sshd;

type There = { runIn: unknown; read(path: string): string; data: string };
const theres: [string, () => There][] = [
  ...(engine
    ? ([
        [
          'docker',
          () => ({
            runIn: { docker: container.name },
            read: (path: string) => container.exec(['cat', path]).stdout,
            data: '/tmp/data',
          }),
        ],
      ] as [string, () => There][])
    : []),
  ...(sshd ? ([['ssh', () => ({ ...local('ssh'), runIn: server.runIn })]] as [string, () => There][]) : []),
  ['kubernetes', () => ({ ...local('pod'), runIn: { kubernetes: { selector: 'app=db' } } })],
  ...(isRoot ? ([['user', () => ({ ...local('user'), runIn: { user: 'nobody' } })]] as [string, () => There][]) : []),
];

function local(name: string): Omit<There, 'runIn'> {
  return { read: (path) => readFileSync(path, 'utf8'), data: join(directory, `data of ${name}`) };
}

const fill = `set -e
mkdir -p "$1/up loads" && cd "$1"
printf 'one' > 'up loads/a b.txt'; printf 'two' > 'up loads/.hidden'; printf 'three' > 'up loads/-c.log'
[ -z "$2" ] || printf 'create table t (x); insert into t values (1), (2);' | sqlite3 ledger.sqlite
chmod -R a+rwX .`;

beforeAll(async () => {
  await built();
  if (engine) {
    const image = engine.image('runs', [...(sqlite ? ['sqlite3'] : []), 'base64']);
    container = engine.run(image, ['sleep', '3600']);
  }
  if (sshd) {
    mkdirSync(join(directory, 'sshd'));
    server = await startSshd(join(directory, 'sshd'));
  }
});

afterAll(async () => {
  await server?.stop();
  container?.remove();
  temporary.remove();
});

/** Every kind that needs no server, with hooks, at one place. */
function planFor(name: string, there: There): string {
  const { runIn, data } = there;
  const common = { destinations: [{ type: 'local', path: join(directory, name, 'out') }], verify: ['content'] };
  const note = {
    run: ['sh', '-c', 'printf "%s %s %s\\n" "$0" "$RUNNER_BACKUP" "$WORD" >> "$1"', 'hook', `${data}/notes`],
  };
  const plan = {
    version: 1,
    name: 'there',
    secrets: { word: { env: 'WORD' } },
    backups: {
      uploads: {
        source: { type: 'files', base: data, paths: [`${data}/up*/*`], exclude: ['*.log'], 'run-in': runIn },
        ...common,
        hooks: { before: [{ ...note, environment: { WORD: { secret: 'word' } }, 'run-in': runIn }] },
      },
      ...(sqlite
        ? { ledger: { source: { type: 'sqlite', path: `${data}/ledger.sqlite`, 'run-in': runIn }, ...common } }
        : {}),
      feed: {
        source: {
          type: 'command',
          run: ['sh', '-c', 'printf "%s" "$WORD"; printf "\\000\\377"; id -un >&2', 'a "b" $c;'],
          environment: { WORD: { secret: 'word' } },
          'run-in': runIn,
        },
        ...common,
      },
    },
  };
  const file = join(directory, name, 'plan.yaml');
  mkdirSync(join(directory, name));
  writeFileSync(file, stringify(plan).replaceAll('$', '$$$$'));
  return file;
}

describe.each(theres)('in %s', (name, there) => {
  let plan: string;
  beforeAll(() => {
    const { data } = there();
    if (name === 'docker') {
      const filled = container.exec(['sh', '-c', fill, 'sh', data, sqlite ? '1' : '']);
      expect(filled.stderr).toBe('');
    } else {
      mkdirSync(data);
      expect(spawnOne('sh', ['-c', fill, 'sh', data, sqlite ? '1' : ''])).toBe(0);
    }
    plan = planFor(name, there());
  });

  const leftThere = (): string[] =>
    (name === 'docker' ? container.exec(['ls', '/tmp']).stdout.split('\n') : readdirSync('/tmp')).filter((one) =>
      one.endsWith('-there'),
    );

  test('apply: what was there is in the backup, and nothing is left there', async () => {
    const left = leftThere();
    const said = await runner(['apply', plan, '--json'], { env: { ...env, KUBECTL_PODS: 'db-0 \n' } });
    expect(said.exitCode, said.stderr).toBe(0);
    expect(said.stdout + said.stderr).not.toContain(sentinel);
    const out = join(directory, name, 'out');
    const files = readdirSync(out, { recursive: true, encoding: 'utf8' });
    const artifact = (end: string) => readFileSync(join(out, files.find((file) => file.endsWith(end))!));
    expect(artifact('.bin').equals(Buffer.concat([Buffer.from(sentinel), Buffer.from([0, 255])]))).toBe(true);
    const tar = artifact('.tar').toString('latin1');
    expect([tar.includes('one'), tar.includes('two'), tar.includes('three')]).toEqual([true, true, false]);
    if (sqlite) expect(artifact('.sqlite').subarray(0, 15).toString()).toBe('SQLite format 3');
    for (const file of files.filter((file) => file.endsWith('.json')))
      expect(readFileSync(join(out, file), 'utf8')).not.toContain(sentinel.slice(0, 8));
    const { read, data } = there();
    expect(read(`${data}/notes`)).toBe(`hook uploads ${sentinel}\n`);
    // Others run on this machine, and an earlier run may have been killed: theirs go when they are done, and ours are gone.
    const run = /"event":"run-started","run":"([^"]+)"/.exec(said.stdout)![1]!;
    const fresh = leftThere().filter((one) => !left.includes(one));
    expect(fresh.filter((one) => one.includes(run))).toEqual([]);
    const stays = () => leftThere().filter((one) => fresh.includes(one));
    await waitFor(() => stays().length === 0, 60_000, 200);
    expect(stays()).toEqual([]);
  });

  test('the preview says where each program runs', async () => {
    const { stdout } = await runner(['plan', plan], { env: { ...env, KUBECTL_PODS: 'db-0 \n' } });
    const place = {
      docker: `docker ${container?.name}`,
      ssh: 'ssh root@127.0.0.1',
      kubernetes: 'kubernetes app=db',
      user: 'user nobody',
    }[name];
    expect(stdout).toContain(
      `$ [${place}] WORD=‹secret:word› sh -c 'printf "%s" "$WORD"; printf "\\000\\377"; id -un >&2' 'a "b" $c;'`,
    );
  });

  test('verify, and doctor', async () => {
    const verified = await runner(['verify', plan], { env: { ...env, KUBECTL_PODS: 'db-0 \n' } });
    expect(verified.exitCode, verified.stderr).toBe(0);
    const doctor = await runner(['doctor', plan], { env: { ...env, KUBECTL_PODS: 'db-0 \n' } });
    expect(doctor.stdout).not.toMatch(/^problem/m);
  });
});

function spawnOne(program: string, words: string[]): number | null {
  return spawnSync(program, words).status;
}

/** A plan whose dump never ends, and says so in a file there. */
function endless(name: string, runIn: unknown): string {
  const run = ['sh', '-c', 'trap "" TERM; while :; do head -c 10000 /dev/zero; sleep 0.1; done', 'endless-dump'];
  const file = join(directory, `${name}.yaml`);
  const source = { type: 'command', run, 'run-in': runIn, environment: { WORD: { secret: 'word' } } };
  const destinations = [{ type: 'local', path: join(directory, `${name}-out`) }];
  writeFileSync(
    file,
    stringify({
      version: 1,
      name: 'endless',
      secrets: { word: { env: 'WORD' } },
      backups: { feed: { source, destinations } },
    }),
  );
  return file;
}

/** Command lines of this machine, containers included. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((id) => /^\d+$/.test(id))
    .flatMap((id) => {
      try {
        return [readFileSync(`/proc/${id}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    });
}
/** The program itself, not the shells around it that also name it. */
const dumps = () => commandLines().filter((line) => line.startsWith('sh\0-c\0trap') && line.includes('endless-dump'));

describe.each(theres)('a runner that is killed, in %s', (name, there) => {
  test('kill -9 leaves no program there after 10 s, and no command line ever held the secret', async () => {
    const plan = endless(`endless-${name}`, there().runIn);
    const child = spawn(process.execPath, ['--', cli, 'apply', plan], {
      env: { ...process.env, ...env, KUBECTL_PODS: 'db-0 \n' },
      stdio: 'ignore',
    });
    const lines = new Set<string>();
    while (dumps().length === 0) {
      for (const line of commandLines()) lines.add(line);
      await sleep(10);
    }
    for (let round = 0; round < 50; round += 1) {
      for (const line of commandLines()) lines.add(line);
      await sleep(10);
    }
    child.kill('SIGKILL');
    const began = performance.now();
    while (dumps().length > 0 && performance.now() - began < 60_000) await sleep(100);
    expect(dumps()).toEqual([]);
    // 10 s are promised; a machine with other work looks and ends more slowly.
    expect(performance.now() - began).toBeLessThan(30_000);
    expect([...lines].filter((line) => line.includes(sentinel.slice(0, 8)))).toEqual([]);
    const out = readdirSync(join(directory, `endless-${name}-out`), { recursive: true, encoding: 'utf8' });
    expect(out.filter((file) => file.endsWith('.bin') || file.endsWith('manifest.json'))).toEqual([]);
  });
});

test.skipIf(!(sshd && has('strace')))('over ssh no program of either side is started with the secret', async () => {
  const trace = join(directory, 'trace');
  const strace = ['-f', '-qq', '-e', 'trace=execve', '-s', '1000000', '-v', '-o'];
  const watching = spawn('strace', [...strace, `${trace}.there`, '-p', String(server.pid)], { stdio: 'ignore' });
  await sleep(1_000);
  const { exitCode } = await new Promise<{ exitCode: number | null }>((resolve) => {
    const words = [
      ...strace,
      `${trace}.here`,
      process.execPath,
      '--',
      cli,
      'apply',
      join(directory, 'ssh', 'plan.yaml'),
    ];
    const child = spawn('strace', words, { env: { ...process.env, ...env }, stdio: 'ignore' });
    child.on('close', (code) => resolve({ exitCode: code }));
  });
  watching.kill();
  expect(exitCode).toBe(0);
  for (const side of ['here', 'there']) {
    const calls = readFileSync(`${trace}.${side}`, 'utf8').split('\n');
    expect(calls.filter((call) => call.includes('runner-begin')).length).toBeGreaterThan(0);
    const argv = calls.map((call) => /execve\("[^"]*", (\[.*?\]), \[/.exec(call)?.[1] ?? '');
    expect(argv.filter((one) => one.includes('s3ntinel'))).toEqual([]);
  }
});
