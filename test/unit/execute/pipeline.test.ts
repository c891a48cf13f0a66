import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RunnerError } from '../../../src/diagnostic.ts';
import type { Launch } from '../../../src/execute/launch.ts';
import { faultOf, type PipelineOptions, runCommand, startPipeline } from '../../../src/execute/pipeline.ts';
import { has } from '../../helpers/programs.ts';
import { bytesOf, calm, carriers, launch, noGuard, runs, shell, temporaryDirectory, until } from './support.ts';

function start(launches: Launch[], more: Partial<PipelineOptions> = {}) {
  return startPipeline(launches, { input: 'none', output: 'pipe', guard: noGuard, signal: calm, ...more });
}

async function outcome(launches: Launch[]) {
  const pipeline = start(launches);
  const bytes = await bytesOf(pipeline.output as AsyncIterable<Buffer>);
  const ended = await pipeline.ended;
  return { bytes, ended, fault: faultOf(ended) };
}

describe('data', () => {
  test('50 MB of random bytes pass three programs unchanged', async () => {
    const file = join(temporaryDirectory(), 'data');
    const data = randomBytes(50_000_000);
    writeFileSync(file, data);
    const { bytes, fault } = await outcome([launch(['cat', file]), launch(['gzip', '-1']), launch(['gzip', '-d'])]);
    expect(fault).toBeNull();
    expect(bytes.equals(data)).toBe(true);
  });

  test.skipIf(!has('bash'))('a bash stage does not run ~/.bashrc into the stream', async () => {
    const HOME = temporaryDirectory();
    writeFileSync(join(HOME, '.bashrc'), 'echo polluted\n');
    const bash = launch(['bash', '-c', 'cat'], { env: { PATH: process.env.PATH ?? '', HOME } });
    expect((await outcome([launch(['echo', 'clean']), bash])).bytes.toString()).toBe('clean\n');
  });

  test('what goes in by the input comes out by a file with the asked mode', async () => {
    const file = join(temporaryDirectory(), 'out');
    const pipeline = start([launch(['cat']), launch(['cat'])], { input: 'pipe', output: { file, mode: 0o600 } });
    pipeline.input?.end('hello');
    expect(faultOf(await pipeline.ended)).toBeNull();
    expect(readFileSync(file, 'utf8')).toBe('hello');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(() => start([launch(['true'])], { output: { file, mode: 0o600 } })).toThrow(/cannot be made: EEXIST/);
  });

  test('no byte of a fast producer is lost to a stage that starts slowly', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { bytes, fault } = await outcome([
        launch(['head', '-c', '10000000', '/dev/zero']),
        shell('sleep 0.05; cat'),
        launch(['cat']),
      ]);
      expect(fault).toBeNull();
      expect(bytes.length).toBe(10_000_000);
    }
  });
});

describe('blame', () => {
  const endless = shell('while :; do head -c 65536 /dev/zero || exit; done');

  test('a consumer that dies is named, not the producer that lost its reader', async () => {
    const dying = shell('head -c 100000 >/dev/null; echo "no more" >&2; exit 3');
    const { fault, ended } = await outcome([launch(['cat', '/dev/zero']), launch(['cat']), dying]);
    expect(fault?.message).toBe('"sh" failed with exit code 3: no more');
    expect(ended.map(({ verdict }) => verdict)).toEqual(['failed', 'failed', 'failed']);
  });

  test('a consumer that is killed is named', async () => {
    const { fault } = await outcome([launch(['cat', '/dev/zero']), shell('head -c 100000 >/dev/null; kill -9 $$')]);
    expect(fault?.message).toMatch(/^"sh" was killed by SIGKILL/);
  });

  test('a producer that notices nothing is ended with its dead consumer', async () => {
    const deaf = shell("trap '' PIPE; while :; do head -c 65536 /dev/zero 2>/dev/null; sleep 0.1; done");
    const { fault, ended } = await outcome([deaf, shell('exit 3')]);
    expect(fault?.message).toMatch(/exit code 3/);
    expect(ended[0]?.fault?.kind).toBe('collateral');
  });

  test.each([
    ['exits 3', 'exit 3', 0],
    ['prints half and exits 3', 'head -c 500000 /dev/zero; exit 3', 500_000],
    ['prints half and is killed', 'head -c 500000 /dev/zero; kill -9 $$', 500_000],
  ])('a producer that %s is a fault, though every stage after it exits 0', async (_title, script, size) => {
    const { fault, ended, bytes } = await outcome([shell(script), launch(['cat']), launch(['cat'])]);
    expect(ended.slice(1).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(bytes.length).toBe(size);
    expect(fault?.message).toMatch(/^"sh" (failed with exit code 3|was killed by SIGKILL)/);
  });

  test('a failed producer is named, not the consumer that misses the end of its input', async () => {
    const half = shell('head -c 100000 /dev/urandom | gzip | head -c 50000; exit 3');
    const { fault, ended } = await outcome([half, launch(['gzip', '-d'])]);
    expect(ended[1]?.exitCode).not.toBe(0);
    expect(fault?.message).toMatch(/^"sh" failed with exit code 3/);
  });

  test('a producer that prints nothing and exits 0 gives an empty stream', async () => {
    const { fault, bytes } = await outcome([launch(['true']), launch(['cat'])]);
    expect(fault).toBeNull();
    expect(bytes.length).toBe(0);
  });

  test('a consumer that stops early and is content cuts the data: that is a fault', async () => {
    const { fault } = await outcome([launch(['cat', '/dev/zero']), launch(['head', '-c', '1000'])]);
    // A producer that waits in a write is told of it by an error instead of SIGPIPE.
    expect(fault?.message).toMatch(
      /^"cat" (could not hand on all of its output: "head" after it stopped reading\.|failed .*reset by peer)$/,
    );
  });

  test('a program that is not there is one sentence, and its siblings are reaped', async () => {
    const marker = `MARKER=${randomBytes(8).toString('hex')}`;
    const env = { PATH: process.env.PATH ?? '', MARKER: marker.slice(7) };
    const { fault, ended } = await settle([{ ...endless, env }, launch(['no-such-program'], { env }), launch(['cat'])]);
    expect(fault?.message).toBe('"no-such-program" was not found on PATH: install it or correct the plan.');
    expect(ended.map((stage) => stage.fault?.kind)).toEqual(['collateral', 'not-found', 'not-started']);
    expect(carriers(marker)).toEqual([]);
  });

  test('a missing last program fails its output too', async () => {
    const pipeline = start([launch(['true']), launch(['no-such-program'])]);
    await expect(bytesOf(pipeline.output as AsyncIterable<Buffer>)).rejects.toThrow();
    expect(faultOf(await pipeline.ended)?.message).toMatch(/no-such-program/);
  });

  test('a missing directory, a file that is no program, and a NUL are sentences without the value', async () => {
    const file = join(temporaryDirectory(), 'plain');
    writeFileSync(file, 'text', { mode: 0o600 });
    const message = async (one: Launch) => (await settle([one])).fault?.message;
    expect(await message(launch(['true'], { cwd: '/no/where' }))).toMatch(
      /working directory \/no\/where does not exist/,
    );
    expect(await message(launch([file]))).toMatch(/is not an executable file/);
    const nul = await message(launch(['true'], { env: { PASSWORD: 'sesame\0open' } }));
    expect(nul).toMatch(/NUL/);
    expect(nul).not.toMatch(/sesame/);
  });
});

async function settle(launches: Launch[]) {
  const pipeline = start(launches, { output: 'discard' });
  const ended = await pipeline.ended;
  return { ended, fault: faultOf(ended) };
}

describe('ending', () => {
  test('a kill ends grandchildren too and gives its reason', async () => {
    const file = join(temporaryDirectory(), 'pid');
    const pipeline = start([shell(`sleep 1000 & echo $! > ${file}; wait`)]);
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    const grandchild = Number(readFileSync(file, 'utf8'));
    expect(runs(grandchild)).toBe(true);
    pipeline.kill(new RunnerError('enough'));
    const ended = await pipeline.ended;
    expect(faultOf(ended)?.message).toBe('enough');
    expect(runs(grandchild)).toBe(false);
  });

  test('what ignores TERM is killed', async () => {
    const file = join(temporaryDirectory(), 'ready');
    const pipeline = start([shell(`trap '' TERM; echo > ${file}; while :; do sleep 1; done`)]);
    await until(() => existsSync(file));
    pipeline.kill(new Error('enough'));
    expect((await pipeline.ended)[0]?.signal).toBe('SIGKILL');
  });

  test('a timeout ends the group and is the fault, not the stages that it takes with it', async () => {
    const { fault, ended } = await outcome([launch(['sleep', '1000'], { timeout: 0.2 }), shell('cat; exit 9')]);
    expect(fault?.message).toBe('"sleep" was ended: it ran longer than its timeout of 0.2 s.');
    expect(ended[0]?.fault?.kind).toBe('timeout');
  });

  test('an aborted signal ends all stages; one aborted before starts nothing', async () => {
    const controller = new AbortController();
    const pipeline = start([launch(['sleep', '1000']), launch(['cat'])], { signal: controller.signal });
    controller.abort(new RunnerError('interrupted by hand'));
    expect(faultOf(await pipeline.ended)?.message).toBe('interrupted by hand');
    expect(() => start([launch(['true'])], { signal: controller.signal })).toThrow('interrupted by hand');
  });

  test('the guard is told of every group and that it is over', async () => {
    const watched = new Set<number>();
    let most = 0;
    const guard = {
      watch: (group: number) => {
        watched.add(group);
        most = Math.max(most, watched.size);
      },
      unwatch: (group: number) => void watched.delete(group),
    };
    await start([launch(['true']), launch(['cat'])], { guard }).ended;
    expect(most).toBe(2);
    expect(watched.size).toBe(0);
  });
});

describe('feeds', () => {
  test('a secret reaches its descriptor and stands in no argument vector', async () => {
    const read = shell('tr a-z A-Z <&3; tr "\\0" " " </proc/$$/cmdline >&2', {
      feed: [{ fd: 3, bytes: Buffer.from('sesame') }],
    });
    const ended = await runCommand(read, { guard: noGuard, signal: calm });
    expect(ended.stdout).toBe('SESAME');
    expect(ended.stderr).toMatch(/tr a-z/);
    expect(ended.stderr).not.toMatch(/sesame/);
  });

  test('standard input and a high descriptor can be fed, a megabyte too', async () => {
    const bytes = randomBytes(1_000_000);
    const both = shell('cat <&5; cat', {
      feed: [
        { fd: 5, bytes },
        { fd: 0, bytes: Buffer.from('end') },
      ],
    });
    const { bytes: out, fault } = await outcome([both]);
    expect(fault).toBeNull();
    expect(out.equals(Buffer.concat([bytes, Buffer.from('end')]))).toBe(true);
  });

  test('a program that never reads its feed is not at fault', async () => {
    const bytes = randomBytes(1_000_000);
    const ended = await runCommand(launch(['true'], { feed: [{ fd: 3, bytes }] }), { guard: noGuard, signal: calm });
    expect(ended.verdict).toBe('ok');
  });
});

describe('exit rules', () => {
  const exits: Launch['exits'] = [
    {
      code: 1,
      lines: [
        { pattern: 'changed as we read it$', means: 'warning' },
        { pattern: 'shrank', means: 'partial' },
        { pattern: '^total', means: 'ignore' },
      ],
    },
  ];
  const judge = async (script: string) => runCommand(shell(script, { exits }), { guard: noGuard, signal: calm });

  test.each([
    ['echo "a: changed as we read it" >&2; exit 1', 'warning'],
    ['echo "a: changed as we read it" >&2; echo "b shrank" >&2; exit 1', 'partial'],
    ['echo "total 5" >&2; exit 1', 'ok'],
    ['echo "a: changed as we read it" >&2; echo "b: cannot open" >&2; exit 1', 'failed'],
    ['exit 1', 'failed'],
    ['echo "b shrank" >&2; exit 2', 'failed'],
    ['printf "b shrank" >&2; exit 1', 'partial'],
    ['echo "b: cannot open" >&2; exit 0', 'ok'],
  ])('%s is %s', async (script, verdict) => {
    expect((await judge(script)).verdict).toBe(verdict);
  });

  test('a fatal line counts also when a flood of harmless ones has pushed it out of the kept end', async () => {
    const flood = 'i=0; while [ $i -lt 9000 ]; do echo "file $i: changed as we read it"; i=$((i+1)); done';
    const ended = await judge(`{ echo "b: cannot open"; ${flood}; } >&2; exit 1`);
    expect(ended.verdict).toBe('failed');
    expect(ended.stderr).not.toMatch(/cannot open/);
    expect(ended.stderr.length).toBeLessThanOrEqual(64 * 1024);
    expect(ended.stderr.endsWith('file 8999: changed as we read it\n')).toBe(true);
  });

  test('notes say what a warning was about', async () => {
    expect((await judge('echo "a: changed as we read it" >&2; exit 1')).notes).toEqual(['a: changed as we read it']);
  });
});

describe('one command', () => {
  test('a background service that keeps the output open does not hold up its hook', async () => {
    const file = join(temporaryDirectory(), 'pid');
    const ended = await runCommand(shell(`sleep 1000 & echo $! > ${file}; echo started`), {
      guard: noGuard,
      signal: calm,
    });
    const service = Number(readFileSync(file, 'utf8'));
    expect(ended.verdict).toBe('ok');
    expect(ended.stdout).toBe('started\n');
    expect(runs(service)).toBe(true);
    process.kill(service, 'SIGKILL');
  });

  test('more output than asked for is a fault', async () => {
    const ended = await runCommand(launch(['cat', '/dev/zero']), { guard: noGuard, signal: calm, maxOutput: 1000 });
    expect(faultOf([ended])?.message).toBe('"cat" was ended: it printed more than 1000 bytes.');
  });

  test('a file streamed into the input arrives whole', async () => {
    const file = join(temporaryDirectory(), 'in');
    writeFileSync(file, 'x'.repeat(300_000));
    const pipeline = start([launch(['wc', '-c'])], { input: 'pipe' });
    createReadStream(file).pipe(pipeline.input as NodeJS.WritableStream);
    expect((await bytesOf(pipeline.output as AsyncIterable<Buffer>)).toString().trim()).toBe('300000');
  });
});
