import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guardScript } from '../../../src/execute/guard-script.ts';
import { bundle } from '../../fakes/bundle.ts';
import { carriers, runs, temporaryDirectory, until } from './support.ts';

const parentSource = join(dirname(fileURLToPath(import.meta.url)), '../../fakes/guarded-parent.ts');
let built: string;
let parent: string;

beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), 'runner-guard-'));
  parent = await bundle(parentSource, built);
});
afterAll(() => rmSync(built, { recursive: true, force: true }));

/** The guards of a run are found by their argument. */
function guards(run: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && runs(Number(name)))
    .filter((name) => {
      try {
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return argv.includes('runner-guard') && argv.includes(run);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function newRun(): string {
  return `run-${randomBytes(6).toString('hex')}`;
}

async function ready(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
}

const pidsIn = (directory: string) => {
  const file = join(directory, 'pids');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
};

describe('guard', () => {
  test.each(['SIGKILL', 'SIGSEGV'] as const)('leaves nothing behind when its runner dies of %s', async (signal) => {
    const run = newRun();
    const directory = temporaryDirectory();
    const child = spawn(process.execPath, [parent, run, 'wait', directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    await ready(child);
    await until(() => pidsIn(directory).length === 3);
    const pids = pidsIn(directory);
    expect(pids.filter(runs)).toEqual(pids);
    const [guard] = guards(run);
    // What reaches a whole terminal or session must not reach the guard.
    for (const ignored of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(guard as number, ignored);
    child.kill(signal);
    await until(() => guards(run).length === 0);
    expect(pids.filter(runs)).toEqual([]);
    expect(carriers(`RUNNER_RUN_ID=${run}`).filter(runs)).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['kept', 'log', 'pids']);
    expect(existsSync(join(directory, 'kept/file'))).toBe(true);
    expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('second\nfirst  two  words*\\n\n');
  });

  test('does nothing at a normal end and is gone at once', () => {
    const run = newRun();
    const directory = temporaryDirectory();
    const ended = spawnSync(process.execPath, [parent, run, 'end', directory], { encoding: 'utf8' });
    expect(ended.stdout).toBe('ended\n');
    expect(ended.status).toBe(0);
    expect(guards(run)).toEqual([]);
    expect(existsSync(join(directory, 'log'))).toBe(false);
    expect(readdirSync(directory)).toContain("a work directory with 'quotes', a * and a\nnewline");
  });

  test('spares the carriers of another run', async () => {
    const run = newRun();
    const directory = temporaryDirectory();
    const other = spawn('sleep', ['1000'], { env: { RUNNER_RUN_ID: `${run}0`, PATH: process.env.PATH } });
    const child = spawn(process.execPath, [parent, run, 'wait', directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    await ready(child);
    child.kill('SIGKILL');
    await until(() => guards(run).length === 0);
    expect(runs(other.pid as number)).toBe(true);
    other.kill('SIGKILL');
  });
});

// The script must mean the same to every shell that may stand at /bin/sh.
const shells = ['dash', 'bash', 'mksh', 'busybox'].flatMap((name) => {
  const path = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find((file) => existsSync(file));
  return path === undefined ? [] : [{ name, argv: name === 'busybox' ? [path, 'sh'] : [realpathSync(path)] }];
});

test.each(shells)('the script works in $name, with nothing but coreutils', async ({ name, argv }) => {
  const run = newRun();
  const directory = temporaryDirectory();
  const env = { PATH: process.env.PATH, RUNNER_RUN_ID: run };
  const grouped = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  const carrying = spawn('sleep', ['1000'], { env, stdio: 'ignore' });
  const spared = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  const tools = ['sleep', 'cat', 'tr', 'rm', 'timeout', 'touch'];
  const path = temporaryDirectory();
  for (const tool of tools) spawnSync('ln', ['-s', `/usr/bin/${tool}`, join(path, tool)]);
  const [file, ...rest] = argv as [string, ...string[]];
  const guard = spawn(file, [...rest, '-c', guardScript, 'runner-guard', run], {
    argv0: name === 'busybox' ? 'busybox' : 'sh',
    env: { PATH: path },
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let complaints = '';
  guard.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  const over = new Promise((resolve) => guard.once('close', resolve));
  guard.stdin?.write(`watch ${grouped.pid}\nwatch ${spared.pid}\nunwatch ${spared.pid}\n`);
  guard.stdin?.write(`arm 0 =touch =${directory}/a\\0040b\n`);
  guard.stdin?.end();
  await over;
  await until(() => grouped.signalCode !== null && carrying.signalCode !== null);
  expect([grouped.signalCode, carrying.signalCode]).toEqual(['SIGTERM', 'SIGKILL']);
  expect(runs(spared.pid as number)).toBe(true);
  spared.kill('SIGKILL');
  expect(readdirSync(directory)).toEqual(['a b']);
  expect(complaints).toBe('');
});
