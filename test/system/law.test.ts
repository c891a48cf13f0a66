/** The law of the program: what is previewed is what runs. The runs here are watched from outside, by the programs on PATH. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { render } from '../../src/bind.ts';
import type { Command } from '../../src/command.ts';
import { askedOf } from '../../src/execute/actions/requirements-there.ts';
import { lookupWithin } from '../../src/execute/lookup.ts';
import { lookupAt } from '../../src/execute/remote-launch.ts';
import { remoteScript } from '../../src/execute/remote-script.ts';
import type { RunRecord } from '../../src/execute/run.ts';
import type { Action, Graph, Requirement } from '../../src/graph.ts';
import { siteScript } from '../../src/site-script.ts';
import { type Finished, type StartOptions, temporaryDirectory } from '../helpers/runner.ts';
import { type Call, makeRecorder, type Recorder } from './recorder.ts';
import { have, makeKeys, makeShop, shopPlan, writePlan } from './shop.ts';

type Previewed = Graph & { digest: string };
type Watched = Finished & { calls: Call[]; record: RunRecord };

const temporary = temporaryDirectory('runner-law-');
const directory = temporary.path;
const logs = join(directory, 'logs');
let recorder: Recorder;
let plan: string;

beforeAll(async () => {
  await makeShop(directory);
  process.env.PATH = `${fakeDocker(directory)}:${process.env.PATH}`;
  plan = writePlan(directory, shopPlan(directory, await makeKeys(join(directory, 'keys'))));
  recorder = await makeRecorder(directory);
});
afterAll(() => temporary.remove());

/** What `runner VERB PLAN ... --json` prints, without running anything but what tells a version. */
async function preview(words: string[], options?: StartOptions): Promise<Previewed> {
  const { exitCode, stdout, stderr, calls } = await recorder.run([...words, '--json'], options);
  expect(exitCode, stderr).toBe(0);
  const started = calls.filter(({ direct }) => direct).map(({ argv }) => programIn(argv));
  expect(started.filter((argv) => argv.length > 0 && !isProbe(argv))).toEqual([]);
  return JSON.parse(stdout);
}

async function watch(words: string[], options?: StartOptions): Promise<Watched> {
  const before = new Set(records());
  const end = await recorder.run([...words, '--log-dir', logs], options);
  expect(end.exitCode, end.stderr).toBe(0);
  const [made] = records().filter((name) => !before.has(name));
  const record = JSON.parse(readFileSync(join(logs, made!), 'utf8')) as RunRecord;
  return { ...end, record };
}

const records = (): string[] => {
  try {
    return readdirSync(logs).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
};

/** How a program is asked for its version: a fact, read before the graph exists. */
function isProbe([program, ...words]: string[]): boolean {
  return words.length === 1 && words[0] === (program === 'openssl' ? 'version' : '--version');
}

/** Programs that the kinds of this plan look for. The list stands here so that a new probe is noticed. */
const probed = ['age', 'gpg', 'gtar', 'gzip', 'openssl', 'pigz', 'sqlite3', 'tar', 'xz', 'zstd'];

/** A `docker exec` whose container is this machine. */
function fakeDocker(directory: string): string {
  const bin = join(directory, 'fakes');
  mkdirSync(bin);
  const script = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\nexec "$@"\n';
  writeFileSync(join(bin, 'docker'), script, { mode: 0o755 });
  return bin;
}

/** Every command of an action, wherever it stands; what is required elsewhere is asked by one. */
function commandsIn(value: unknown): Command[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('argv' in value && Array.isArray(value.argv)) return [value as Command];
  if ('need' in value && 'place' in value) {
    const asked = askedOf(value as Requirement);
    return asked ? [asked.command] : [];
  }
  return Object.values(value).flatMap(commandsIn);
}

/** Argument vectors of a previewed graph with what the run's record says was bound, for what the run did. */
function expected(graph: Graph, record: RunRecord): { task: string; argv: string[] }[] {
  const done = new Set(record.tasks.filter(({ outcome }) => outcome !== 'skipped').map(({ id }) => id));
  const bound = (task: string, action: Action, within: string[]) => {
    const lookup = lookupWithin(graph, record.bindings, within);
    return commandsIn(action).map((command) => ({
      task,
      argv: command.argv.map((part) => render(part, lookupAt(command, lookup))),
    }));
  };
  const tasks = graph.tasks.filter(({ id }) => done.has(id));
  const held = new Set(tasks.flatMap(({ within }) => within));
  const scopes = graph.scopes.filter(({ id }) => held.has(id));
  return [
    ...tasks.flatMap(({ id, action, within }) => bound(id, action, within)),
    ...scopes.flatMap(({ id, acquire, release }) => [...bound(id, acquire, []), ...bound(id, release, [])]),
  ];
}

const sorted = (all: string[][]) => all.map((argv) => JSON.stringify(argv)).sort();
/** `sqlite3`, wherever it lies. */
const named = (argv: string[]) => [argv[0]!.split('/').at(-1)!, ...argv.slice(1)];

/** What a client was told to run elsewhere; nothing for what is no part of the graph: facts, what is cleared away there, our own hop. */
function programIn(argv: string[]): string[] {
  if (argv[0] === 'runner-builtin' && argv[1] === 'receive') return [];
  if (argv[0] !== 'docker') return argv;
  if (argv.slice(-4, -1).join(' ') === 'rm -rf --') return [];
  const at = argv.indexOf(remoteScript);
  const words = at === -1 ? argv : argv.slice(at + 3);
  return words.includes(siteScript) ? [] : words;
}

/** The three accounts of a run agree: what was previewed, what the record says, what the programs received. */
function agree(graph: Graph, { calls, record }: Watched, facts: string[][] = []): void {
  const planned = expected(graph, record);
  const direct = calls
    .filter((call) => call.direct)
    .map(({ argv }) => programIn(argv))
    .filter((argv) => argv.length > 0);
  const factual = direct.filter(isProbe);
  const acted = direct.filter((argv) => !isProbe(argv) && !facts.some((fact) => `${fact}` === `${argv}`));
  expect(sorted(acted)).toEqual(sorted(planned.map(({ argv }) => named(argv))));
  const told = record.commands.map(({ task, argv }) => [task, ...argv]);
  expect(sorted(told)).toEqual(sorted(planned.map(({ task, argv }) => [task, ...argv])));
  expect(factual.map(([program]) => program).toSorted()).toEqual(
    probed.filter((program) => factual.some(([name]) => name === program)),
  );
}

/** The secret that a program prints. It is no part of the graph; it is read at the moment of use, and once a run. */
const spoken = [['printf', '%s', 'a spoken passphrase']];

describe.sequential('what is previewed is what runs', () => {
  it('apply: capture, checks, hooks', async () => {
    const graph = await preview(['plan', plan]);
    const run = await watch(['apply', plan, '--expect', graph.digest]);
    agree(graph, run, spoken);
    const programs = new Set(run.record.commands.map(({ argv }) => named(argv)[0]));
    for (const program of ['nice', 'mkdir', 'sh', 'tar', 'printf', 'runner-builtin'])
      expect(programs).toContain(program);
    if (have.sqlite3) expect(programs).toContain('sqlite3');
  });

  it('apply: what it deletes is what was shown', async () => {
    await watch(['apply', plan]);
    const graph = await preview(['plan', plan]);
    const shown = graph.shelf.flatMap(({ destination, delete: gone }) => gone.map(({ id }) => `${destination}: ${id}`));
    expect(shown).toHaveLength(6);
    const run = await watch(['apply', plan, '--json']);
    agree(graph, run, spoken);
    expect(deleted(run.stdout)).toEqual(shown.toSorted());
  });

  it.each([
    ['verify', []],
    ['verify', ['orders', '--level', 'restore']],
  ])('%s %j', async (verb, words) => {
    const graph = await preview([verb, plan, ...words, '--plan-only']);
    agree(graph, await watch([verb, plan, ...words]), spoken);
    expect(graph.tasks.filter(({ action }) => action.do === 'verify')).toHaveLength(words.length === 0 ? 8 : 1);
  });

  it('prune: it starts nothing, and deletes what was shown', async () => {
    const env = { KEEP: '1' };
    const { stdout } = await recorder.run(['prune', plan, '--dry-run', '--json'], { env });
    const { backups } = JSON.parse(stdout) as { backups: { id: string; destination: string; keep: boolean }[] };
    const shown = backups.filter(({ keep }) => !keep).map(({ destination, id }) => `${destination}: ${id}`);
    expect(shown).toHaveLength(6);
    const run = await watch(['prune', plan, '--yes', '--json'], { env });
    expect(run.calls.filter(({ argv }) => !isProbe(argv))).toEqual([]);
    expect(run.record.commands).toEqual([]);
    expect(deleted(run.stdout)).toEqual(shown.toSorted());
  });

  it.each([
    ['orders', ['--latest'], ['before:1', 'safety', 'after:2', 'discard']],
    ['orders', ['--latest', '--to', join(directory, 'elsewhere.sqlite')], ['unpack', 'assert', 'swap']],
    ['uploads', ['--latest'], ['safety', 'discard']],
    ['feed', ['--latest'], ['unpack']],
  ])('restore %s %j', async (backup, words, tasks) => {
    const graph = await preview(['restore', plan, backup, ...words, '--plan-only']);
    const run = await watch(['restore', plan, backup, ...words, '--yes']);
    agree(graph, run, spoken);
    const done = run.record.tasks.filter(({ outcome }) => outcome !== 'skipped').map(({ id }) => id);
    for (const task of tasks) expect(done).toContain(task);
  });

  it('apply: what runs elsewhere', async () => {
    const place = join(directory, 'there');
    mkdirSync(join(place, 'data'), { recursive: true });
    writeFileSync(join(place, 'data', 'a file'), 'text');
    const runIn = { 'run-in': { docker: 'box' } };
    const destinations = [{ type: 'local', path: join(place, 'main') }];
    const there = writePlan(place, {
      version: 1,
      name: 'there',
      backups: {
        files: {
          source: { type: 'files', paths: [`${place}/da*`], ...runIn },
          transforms: ['gzip'],
          destinations,
          verify: ['content'],
          hooks: { before: [{ run: ['echo', 'a "b"'], ...runIn }] },
        },
        text: { source: { type: 'command', run: ['printf', '%s', "it's"], ...runIn }, destinations },
      },
    });
    const graph = await preview(['plan', there]);
    const run = await watch(['apply', there, '--expect', graph.digest]);
    agree(graph, run);
    const placed = graph.tasks.flatMap(({ action }) => commandsIn(action)).filter((command) => command.place);
    expect(placed.length).toBeGreaterThanOrEqual(5);
  });

  it('a restore that `after` refuses: back again, exactly as shown', async () => {
    const text = readFileSync(plan, 'utf8').replace('echo after', 'exit 7; echo after');
    const failing = join(directory, 'failing.yaml');
    writeFileSync(failing, text);
    const graph = await preview(['restore', failing, 'orders', '--latest', '--plan-only']);
    const before = new Set(records());
    const end = await recorder.run(['restore', failing, 'orders', '--latest', '--yes', '--log-dir', logs]);
    expect(end.exitCode, end.stderr).toBe(1);
    const made = records().find((name) => !before.has(name))!;
    const record = JSON.parse(readFileSync(join(logs, made), 'utf8')) as RunRecord;
    agree(graph, { ...end, record });
    const stops = record.commands.map(({ argv }) => argv.at(-1)!).filter((word) => /^echo (start|stop)/.test(word));
    const once = ['echo stop app', 'echo stop queue', 'echo start queue', 'echo start app'];
    expect(stops).toEqual([...once, ...once]);
  });
});

function deleted(stdout: string): string[] {
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return events
    .filter(({ event }) => event === 'deleted')
    .map(({ destination, id }) => `${destination}: ${id}`)
    .toSorted();
}

describe.sequential('the digest', () => {
  const place = join(directory, 'digests');
  let small: string;
  const plan = async (minutes = 0) => {
    const { stdout, stderr } = await recorder.run(['plan', small, '--json'], ahead(minutes));
    expect(stderr).toBe('');
    const { digest, shelf } = JSON.parse(stdout) as Previewed;
    const [, graph, rest] = /^p1-([0-9a-f]{12})-([0-9a-f]{12})$/.exec(digest)!;
    return { digest, graph: graph!, shelf: rest!, views: shelf };
  };
  const apply = (...words: string[]) => recorder.run(['apply', small, ...words]);

  beforeAll(() => {
    mkdirSync(place);
    small = writePlan(place, {
      version: 1,
      name: 'small',
      backups: {
        text: {
          source: { type: 'command', run: ['echo', 'text'] },
          destinations: [{ type: 'local', path: join(place, 'main') }],
          retention: { last: 1 },
          verify: [{ checksum: {} }],
          allow: { 'no-restore-test': 'it is one line' },
        },
      },
    });
  });

  it('is the same a minute later', async () => {
    await apply();
    const now = await plan();
    const [{ age }] = JSON.parse((await recorder.run(['list', small, '--json'], ahead(1))).stdout).backups;
    expect(age).toBeGreaterThanOrEqual(60);
    expect((await plan(1)).digest).toBe(now.digest);
  });

  it.each([
    ['a new backup', () => apply()],
    ['a pin', async () => recorder.run(['pin', small, await newest()])],
    [
      'a failed verification',
      async () => {
        await spoil(await newest());
        const end = await recorder.run(['verify', small]);
        expect(end.exitCode).not.toBe(0);
        return { ...end, exitCode: 0 };
      },
    ],
  ])('%s changes its second half alone', async (_name, change) => {
    const before = await plan();
    const { exitCode, stderr } = await change();
    expect(exitCode, stderr).toBe(0);
    const after = await plan();
    expect(after.graph).toBe(before.graph);
    expect(after.shelf).not.toBe(before.shelf);
  });

  it('is what apply may be told to expect: whole, or its first half, never a stale one', async () => {
    const stale = await plan();
    expect((await apply('--expect', stale.digest)).exitCode).toBe(0);
    expect((await apply('--expect', `p1-${stale.graph}`)).exitCode).toBe(0);
    const before = (await list()).map(({ id }) => id);
    for (const wrong of [stale.digest, `p1-${'0'.repeat(12)}`, `p1-${stale.graph.slice(0, 8)}`, '']) {
      const { exitCode, stderr } = await apply('--expect', wrong);
      expect(exitCode, wrong).toBe(4);
      expect(stderr).toContain('nothing was started');
    }
    expect((await list()).map(({ id }) => id)).toEqual(before);
  });

  const list = async () =>
    JSON.parse((await recorder.run(['list', small, '--json'])).stdout).backups as { id: string }[];
  const newest = async () => (await list()).at(-1)!.id;
  /** One bit of an artifact turns over, as on a bad disk. */
  async function spoil(id: string): Promise<void> {
    const files = readdirSync(join(place, 'main'), { recursive: true, encoding: 'utf8' });
    const file = join(place, 'main', files.find((name) => name.endsWith(`${id}.bin`))!);
    const bytes = readFileSync(file);
    bytes[0]! ^= 1;
    chmodSync(file, 0o600);
    writeFileSync(file, bytes);
  }
});

/** The clock of the process runs some minutes ahead. */
function ahead(minutes: number): StartOptions {
  const module = `const Now = Date; const ahead = ${minutes * 60_000};
globalThis.Date = class extends Now {
  constructor(...words) { words.length === 0 ? super(Now.now() + ahead) : super(...words); }
  static now() { return Now.now() + ahead; }
};`;
  return { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` } };
}
