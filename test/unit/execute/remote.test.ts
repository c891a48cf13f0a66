import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { faultOf } from '../../../src/execute/blame.ts';
import type { Launch } from '../../../src/execute/launch.ts';
import { runCommand, startPipeline } from '../../../src/execute/pipeline.ts';
import { pour } from '../../../src/execute/pour.ts';
import type { RemoteLaunch } from '../../../src/execute/remote-launch.ts';
import { startProgram } from '../../../src/execute/start.ts';
import { has } from '../../helpers/programs.ts';
import { bytesOf, calm, launch, noGuard, runs, temporaryDirectory, until } from './support.ts';

const shells = [['dash'], ['busybox', 'ash'], ['bash'], ['mksh']].filter(([name]) => has(name!));
const [plain] = shells;

/** A client that is a shell of this machine: `far` stands between us and the script, as docker or ssh would. */
function there(argv: string[], more: Partial<RemoteLaunch['header']> = {}, shell = plain!, far?: string): Launch {
  const directory = temporaryDirectory();
  const client = join(directory, 'client');
  // The first word that it is given is the `sh` of the protocol.
  const body = far ?? `exec ${shell.join(' ')} "$@"`;
  writeFileSync(client, `#!/bin/sh\nshift\n${body}\n`, { mode: 0o755 });
  const nonce = randomBytes(16).toString('hex');
  const header = { env: {}, files: [], feed: [], ...more };
  const environment = { PATH: process.env.PATH ?? '' };
  const remote: RemoteLaunch = {
    client: { argv: [client], joined: false, label: 'a shell' },
    nonce,
    header,
    ownDirectory: join(directory, 'own'),
    environment,
  };
  return launch(argv, { env: {}, remote });
}

const run = (one: Launch, maxOutput?: number) =>
  runCommand(one, { guard: noGuard, signal: calm, ...(maxOutput === undefined ? {} : { maxOutput }) });

async function through(stages: Launch[]) {
  const pipeline = startPipeline(stages, { input: 'none', output: 'pipe', guard: noGuard, signal: calm });
  const bytes = await bytesOf(pipeline.output as AsyncIterable<Buffer>);
  const ended = await pipeline.ended;
  return { bytes, ended, fault: faultOf(ended) };
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

describe.each(shells)('a shell there: %s', (...shell) => {
  test('arguments, variables, files and exit codes arrive as they are', async () => {
    const work = join(temporaryDirectory(), 'it"s $HOME; ünï');
    const odd = ['--', '-x', "it's", '"$(id)"', '`id`', ';', '', ' two  words ', 'ünï\nline\\0041', '*'];
    const secret = `p\\w:"'$\`;&|<>(){}[]*?!#~%^=+,@ \t\n${'é'}`;
    const script = 'printf "[%s]" "$@"; printf "<%s>" "$WORD"; cat "$FILE"; pwd; echo said >&2; exit 7';
    const one = there(
      ['sh', '-c', script, ...['x', ...odd]],
      {
        env: { WORD: secret, FILE: join(work, 'pass') },
        work,
        brief: true,
        cwd: '/tmp',
        files: [{ path: join(work, 'pass'), text: secret }],
      },
      shell,
    );
    const { stdout, stderr, exitCode, where, argv } = await run(one);
    expect(stdout).toBe(`${odd.map((word) => `[${word}]`).join('')}<${secret}>${secret}/tmp\n`);
    expect(stderr).toBe('said\n');
    expect([exitCode, where, argv]).toEqual([7, 'a shell', one.argv]);
    expect(existsSync(work)).toBe(false);
  });

  test('input arrives whole, every byte of it', async () => {
    const file = join(temporaryDirectory(), 'out');
    const data = Buffer.concat([everyByte, randomBytes(3_000_000), everyByte, Buffer.from('\nno end')]);
    await pour({
      source: Readable.from([data.subarray(0, 10), data.subarray(10, 1_500_000), data.subarray(1_500_000)]),
      decode: [],
      intake: { consume: there(['sh', '-c', 'cat > "$1"', 'sh', file], {}, shell) },
      guard: noGuard,
      signal: calm,
    });
    expect(readFileSync(file).equals(data)).toBe(true);
  });

  test('what is fed to a descriptor can be read, and leaves no file', async () => {
    const one = there(
      ['sh', '-c', 'cat <&5; cat'],
      {
        feed: [
          { fd: 5, bytes: everyByte.subarray(1) },
          { fd: 0, bytes: Buffer.from('zero') },
        ],
      },
      shell,
    );
    const pipeline = startPipeline([one], { input: 'none', output: 'pipe', guard: noGuard, signal: calm });
    const bytes = await bytesOf(pipeline.output as AsyncIterable<Buffer>);
    expect(bytes.equals(Buffer.concat([everyByte.subarray(1), Buffer.from('zero')]))).toBe(true);
    expect(existsSync(one.remote!.ownDirectory)).toBe(false);
  });

  test('a program that stays: lines come at once, signals and the end of its input arrive', async () => {
    const session = startProgram(
      there(['sh', '-c', 'while read -r l; do echo "got $l"; done; echo over'], {}, shell),
      'pipe',
      'live',
      noGuard,
    );
    const said: string[] = [];
    session.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    session.stdin?.write('one\n');
    await until(() => said.join('') === 'got one\n');
    const ended = await session.finish('end-of-input', 10);
    expect([ended.exitCode, said.join('').trim()]).toEqual([0, 'got one\nover']);
    const server = startProgram(
      there(['sh', '-c', 'trap "echo told; exit 4" INT; echo up; while :; do sleep 0.1; done'], {}, shell),
      'pipe',
      'live',
      noGuard,
    );
    const heard: string[] = [];
    server.stdout?.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    await until(() => heard.join('').startsWith('up\n'));
    expect((await server.finish('SIGINT', 10)).exitCode).toBe(4);
    expect(heard.join('').trim()).toBe('up\ntold');
  });

  test('many short ones, one after another', async () => {
    for (let round = 0; round < 40; round += 1) {
      const began = performance.now();
      expect((await run(there(['true'], {}, shell))).exitCode).toBe(0);
      // Not by the alarm, nor by the grace of those who heard a TERM.
      expect(performance.now() - began).toBeLessThan(6_500);
    }
  });
});

/** For what does little but wait: all shells are asked at once. */
const each = async (act: (shell: string[]) => Promise<void>) => void (await Promise.all(shells.map(act)));

/** What stands between us and the script, of which the script hears only what `says` lets through. */
const heard = (says: string, shell: string[]) => `( ${says} ) | exec ${shell.join(' ')} "$@"`;

describe('the other end gives up, whatever its shell', () => {
  test('a cut kills the program before its input ends', () =>
    each(async (shell) => {
      const file = join(temporaryDirectory(), 'end');
      const script = 'trap "" TERM; cat >/dev/null; echo saw the end >"$1"';
      const started = startProgram(there(['sh', '-c', script, 'sh', file], {}, shell), 'pipe', 'pipe', noGuard);
      started.stdout?.resume();
      started.stdin?.write('half');
      await sleep(300);
      started.stop({ kind: 'killed', error: new Error('cut') });
      const ended = await started.ended;
      expect(ended.fault?.error.message, shell[0]).toBe('cut');
      expect(existsSync(file), shell[0]).toBe(false);
    }));

  test('without signs of life the program is ended and its directory removed', () =>
    each(async (shell) => {
      const directory = temporaryDirectory();
      const work = join(directory, 'work');
      const id = join(directory, 'id');
      // Nothing of ours gets through any more, and the line stays open: what holds it is no part of the group there.
      const deaf = heard(`sed -u '/^$/q'; exec setsid sleep 90`, shell);
      const script = 'sleep 600 & echo $! > "$1"; wait';
      const files = [{ path: join(work, 'f'), text: 'x' }];
      const one = there(['sh', '-c', script, 'sh', id], { work, files }, shell, deaf);
      const began = performance.now();
      const ended = await run(one);
      // Not when the line ends.
      expect(performance.now() - began, shell[0]).toBeLessThan(60_000);
      expect(ended.verdict, shell[0]).toBe('failed');
      expect(runs(Number(readFileSync(id, 'utf8'))), shell[0]).toBe(false);
      expect(existsSync(work), shell[0]).toBe(false);
    }));
});

describe('what is there before the program is', () => {
  // The client here is of the group that is ended, so that it may be what is noticed first; the end mark is there.
  const isEnded = /^a shell had heard nothing of us|was cut when "sleep" had ended there/;
  const behind = (first: string, rest: string) =>
    `read -r line; head=; while [ -n "$line" ]; do head="$head$line
"; read -r line; done; printf "%s\\n${first}" "$head"${rest}`;

  test.each([
    ['to end it', 'x\\n', '; exec setsid sleep 10'],
    ['an end that nobody announced', '', ''],
  ])('%s: it is ended at once', (_name, first, rest) =>
    each(async (shell) => {
      const began = performance.now();
      const far = heard(behind(first, rest), shell);
      const runs = Array.from({ length: 8 }, () => run(there(['sleep', '600'], {}, shell, far)));
      for (const { verdict, fault } of await Promise.all(runs))
        expect([verdict, fault?.error.message], shell[0]).toEqual(['failed', expect.stringMatching(isEnded)]);
      expect(performance.now() - began, shell[0]).toBeLessThan(150_000);
    }),
  );

  test('a sign of life does not end the alarm', () =>
    each(async (shell) => {
      const far = heard(behind('+\\n', '; exec setsid sleep 30'), shell);
      const runs = Array.from({ length: 10 }, () => run(there(['sleep', '600'], {}, shell, far)));
      for (const { fault } of await Promise.all(runs)) expect(fault?.error.message, shell[0]).toMatch(isEnded);
    }));
});

test('who is told to end a program leaves the shared directory, however long that takes', () =>
  each(async (shell) => {
    const work = join(temporaryDirectory(), 'work');
    const far = heard(`sed -u '/^$/q'; sleep 5; echo x; exec setsid sleep 20`, shell);
    const files = [{ path: join(work, 'f'), text: 'x' }];
    await run(there(['sh', '-c', 'trap "" TERM; while :; do sleep 0.5; done'], { work, files }, shell, far));
    expect(existsSync(join(work, 'f')), shell[0]).toBe(true);
  }));

describe('output', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['every byte', everyByte],
    ['a last line feed', Buffer.from('a\n')],
    ['no last line feed', Buffer.from('a')],
    ['63 bytes', Buffer.alloc(63, 10)],
    ['64 bytes', Buffer.alloc(64, 10)],
    ['65 bytes', Buffer.alloc(65, 10)],
    ['an old mark', Buffer.from(`x\nrunner-end 1 ${'0'.repeat(32)} 0...............\n`)],
    ['a mark that begins', Buffer.from('x\nrunner-end 1 ')],
    ['100 MB', randomBytes(100_000_000)],
  ])('%s, read by us and handed to another program', async (_name, data) => {
    const file = join(temporaryDirectory(), 'data');
    writeFileSync(file, data);
    for (const rest of [[], [launch(['cat'])]]) {
      const { bytes, ended, fault } = await through([there(['cat', file]), ...rest]);
      expect(fault).toBeNull();
      expect(bytes.equals(data)).toBe(true);
      expect(ended[0]?.bytes).toBe(data.length);
    }
  });

  test.each([
    ['is killed half way and exits 0', `${plain!.join(' ')} "$@" | head -c 100000; exit 0`],
    ['exits 0 and prints nothing', 'exit 0'],
    ['adds something', `${plain!.join(' ')} "$@"; echo more`],
    ['exits 1 behind the end', `${plain!.join(' ')} "$@"; exit 1`],
    [
      'brings the end of another program',
      `shift 2; printf 'runner-begin 1 %s\\nabc\\nrunner-end 1 %s 0...............\\n' "$1" ${'1'.repeat(32)}`,
    ],
  ])('a client that %s fails the stage, whoever reads', async (_name, far) => {
    for (const rest of [[], [launch(['cat'])]]) {
      const { fault, ended } = await through([there(['head', '-c', '1000000', '/dev/zero'], {}, plain, far), ...rest]);
      expect(ended[0]?.fault?.kind).toBe('cut');
      expect(fault?.message).toMatch(/^(the connection to a shell was cut|a shell cannot be reached)/);
    }
  });

  test('what a login shell prints first is no part of it', async () => {
    const { bytes, fault } = await through([
      there(['echo', 'data'], {}, plain, `echo welcome; exec ${plain!.join(' ')} "$@"`),
    ]);
    expect([fault, bytes.toString()]).toEqual([null, 'data\n']);
  });
});

describe('verdicts', () => {
  test('a program that is not there, a folder that is not there', async () => {
    expect(faultOf([await run(there(['no-such-program']))])?.message).toBe(
      '"no-such-program" was not found in a shell: install it there or correct the plan.',
    );
    expect(faultOf([await run(there(['true'], { cwd: '/no/such' }))])?.message).toBe(
      '"true" was not started in a shell: the folder /no/such does not exist.',
    );
  });

  test('the exit code and the words of the program there are judged as those of here', async () => {
    const exits = [{ code: 1, lines: [{ pattern: 'changed$', means: 'warning' as const }] }];
    const warned = await run({ ...there(['sh', '-c', 'echo data; echo "x changed" >&2; exit 1']), exits });
    expect([warned.verdict, warned.exitCode, warned.notes]).toEqual(['warning', 1, ['x changed']]);
    const failed = await run(there(['sh', '-c', 'echo no >&2; exit 3']));
    expect(faultOf([failed])?.message).toBe('"sh" in a shell failed with exit code 3: no');
    const killed = await run(there(['sh', '-c', 'kill -9 $$']));
    expect([killed.signal, killed.exitCode]).toEqual(['SIGKILL', null]);
  });

  test('a client that is not there', async () => {
    const one = there(['true']);
    one.remote!.client.argv = ['no-such-client'];
    expect(faultOf([await run(one)])?.message).toMatch(/^"no-such-client" was not found on PATH/);
  });

  test('a time limit ends the program there, and what it started', async () => {
    const id = join(temporaryDirectory(), 'id');
    // Longer where it had not begun by then.
    for (const timeout of [0.5, 5, 30]) {
      const ended = await run({ ...there(['sh', '-c', 'sleep 600 & echo $! > "$1"; wait', 'sh', id]), timeout });
      expect(ended.fault?.kind).toBe('timeout');
      expect(faultOf([ended])?.message).toBe(`"sh" was ended: it ran longer than its timeout of ${timeout} s.`);
      if (existsSync(id)) break;
    }
    expect(runs(Number(readFileSync(id, 'utf8')))).toBe(false);
  });

  test('a reader that stops reading ends the program there', async () => {
    const { fault, ended } = await through([there(['cat', '/dev/zero']), launch(['head', '-c', '10'])]);
    expect(ended[0]?.exitCode === 141 || ended[0]?.fault?.kind === 'collateral').toBe(true);
    expect(fault?.message).toMatch(/stopped reading|Another stage|Nobody reads/);
  });
});

test('the work directory of another user is not used', async () => {
  const work = join(temporaryDirectory(), 'work');
  writeFileSync(work, '');
  const ended = await run(there(['true'], { work, files: [{ path: join(work, 'x'), text: 'secret' }] }));
  expect(faultOf([ended])?.message).toMatch(/no private files could be written/);
  mkdirSync(`${work}2`);
  expect(readdirSync(`${work}2`)).toEqual([]);
});
