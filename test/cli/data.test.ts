import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, shell } from '../helpers/runner.ts';
import { type Workplace, workplace } from './plan.ts';

/** One plan, three backups of it, and everything that can be asked of them without changing them. */
let place: Workplace;
let ids: string[];
const run = (words: string[], env: Record<string, string> = {}) => runner(words, { cwd: place.path, env });

beforeAll(async () => {
  place = workplace();
  for (const round of [1, 2, 3]) {
    writeFileSync(join(place.path, 'notes', 'first.txt'), `round ${round}\n`);
    const made = await run(['apply', '--quiet']);
    expect(made).toEqual({ exitCode: 0, signal: null, stdout: '', stderr: '' });
  }
  ids = JSON.parse((await run(['list', '--json'])).stdout).backups.map(({ id }: { id: string }) => id);
});
afterAll(() => place.remove());

describe('list', () => {
  it('has pruned down to the two that the plan keeps, the oldest first', async () => {
    expect(ids).toHaveLength(2);
    expect(ids.toSorted()).toEqual(ids);
  });

  it('prints one aligned row a backup on standard output', async () => {
    const { exitCode, stdout, stderr } = await run(['list']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^ID +TIME \(\S+\) +AGE +SIZE +TIERS +STATE +COPIES$/);
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual(ids);
    const at = head!.indexOf('STATE');
    expect(rows.map((row) => row.slice(at))).toEqual(['good   disk', 'good   disk']);
  });

  it('as JSON is versioned', async () => {
    const whole = JSON.parse((await run(['list', 'notes', '--json'])).stdout);
    const { backups, ...rest } = whole;
    expect(rest).toEqual({ format: 'runner/list@1', unmanaged: [], orphans: [], opaque: [], unreadable: [] });
    expect(backups[0]).toEqual({
      id: ids[0],
      backup: 'notes',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      age: expect.any(Number),
      size: expect.any(Number),
      tiers: [],
      state: 'good',
      pinned: false,
      copies: [{ destination: 'disk', state: 'good' }],
    });
  });

  it('filters by tier and destination', async () => {
    const count = async (...words: string[]) =>
      JSON.parse((await run(['list', '--json', ...words])).stdout).backups.length;
    expect(await count('--tier', 'monthly')).toBe(0);
    expect(await count('--tier', 'recent', '--from', 'disk')).toBe(2);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const line =
      'for n in 1 2 3; do runner list | head -1; done; runner list --json | head -c 1 > /dev/null; runner config | true';
    const { exitCode, stdout, stderr } = await shell(line, { cwd: place.path });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.match(/^ID/gm)).toHaveLength(3);
  });

  it('tells orphans and unmanaged backups', async () => {
    const folder = join(place.path, 'store', 'small', 'gone', '2026', '01');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'gone-20260101T000000Z-abcdef.tar'), 'lost its manifest');
    const { exitCode, stdout } = await run(['list']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      'disk: artifact without a manifest, never swept: small/gone/2026/01/gone-20260101T000000Z-abcdef.tar\n',
    );
  });
});

describe('show', () => {
  it('tells one backup and how to open it by hand', async () => {
    const { exitCode, stdout } = await run(['show', ids[1]!]);
    expect(exitCode).toBe(0);
    for (const label of ['id', 'state', 'made', 'data', 'source', 'artifact', 'sha256', 'copy', 'finding'])
      expect(stdout).toMatch(new RegExp(`^${label}: `, 'm'));
    const recovery = stdout.slice(stdout.indexOf('To open it by hand'));
    const key = /^artifact: +(\S+)/m.exec(stdout)![1]!;
    const line = recovery
      .split('\n')[1]!
      .trim()
      .replace('ARTIFACT', join(place.path, 'store', key));
    const opened = await shell(`mkdir out && cd out && ${line}`, { cwd: place.path });
    expect(opened.exitCode).toBe(0);
    const names = readdirSync(join(place.path, 'out'), { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => name.endsWith('notes/first.txt'))).toHaveLength(1);
  });

  it('as JSON holds the manifest', async () => {
    const shown = JSON.parse((await run(['show', ids[0]!, '--json'])).stdout);
    expect(shown).toMatchObject({ format: 'runner/show@1', id: ids[0], state: 'good', manifest: { id: ids[0] } });
    expect(shown.findings.map(({ finding }: { finding: string }) => finding)).toContain('content');
  });

  it('of what is not there says what is near', async () => {
    const near = ids[0]!.replace(/.$/, (letter) => (letter === 'x' ? 'y' : 'x'));
    const { exitCode, stderr } = await run(['show', near]);
    expect(exitCode).toBe(4);
    expect(stderr).toBe(`runner: no destination holds ${near}; did you mean ${ids[0]}?\n`);
  });
});

describe('ls and cat', () => {
  it('look inside', async () => {
    const { exitCode, stdout } = await run(['ls', ids[1]!]);
    expect(exitCode).toBe(0);
    const name = stdout.split('\n').find((line) => line.endsWith('first.txt'))!;
    expect(await run(['cat', ids[1]!, name])).toEqual({ exitCode: 0, signal: null, stdout: 'round 3\n', stderr: '' });
  });

  it('fail where there is no such file', async () => {
    const { exitCode, stderr } = await run(['cat', ids[1]!, 'no/such/file']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^runner: .+\n/);
  });
});

describe('plan, prune and doctor', () => {
  it('plan as JSON is the graph with its digest', async () => {
    const graph = JSON.parse((await run(['plan', '--json'])).stdout);
    expect(graph).toMatchObject({ format: 'runner/graph@1', command: 'apply' });
    expect(graph.digest).toMatch(/^p1-[0-9a-f]{12}-[0-9a-f]{12}$/);
    expect((await run(['plan'])).stdout).toContain(`digest ${graph.digest}`);
  });

  it('apply refuses another digest, and starts nothing', async () => {
    const { exitCode, stderr } = await run(['apply', '--expect', 'p1-000000000000']);
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^runner: nothing was started: the plan or the shelf changed since p1-000000000000/);
    expect(JSON.parse((await run(['list', '--json'])).stdout).backups).toHaveLength(2);
  });

  it('prune --dry-run --json says keep or delete of each, as retention --times does', async () => {
    const { backups, ...rest } = JSON.parse((await run(['prune', '--dry-run', '--json'])).stdout);
    expect(rest).toMatchObject({ format: 'runner/prune@1', blocked: [] });
    const times = backups.map(({ time }: { time: string }) => time);
    const paper = await runner(['retention', 'notes', '--times', '-', '--json'], {
      cwd: place.path,
      input: `${times.join('\n')}\n`,
    });
    const same = ({ time, keep, reasons }: Record<string, unknown>) => ({ time, keep, reasons });
    expect(backups.map(same)).toEqual(JSON.parse(paper.stdout));
  });

  it('doctor finds all well, as a table and as JSON', async () => {
    const { exitCode, stdout } = await run(['doctor']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^ok +newest +notes +${ids[1]} opens; good`, 'm'));
    const { format, health, checks } = JSON.parse((await run(['doctor', '--json'])).stdout);
    expect({ format, health }).toEqual({ format: 'runner/doctor@1', health: 'ok' });
    expect(new Set(checks.map(({ check }: { check: string }) => check))).toEqual(
      new Set([
        'program',
        'path',
        'temporary space',
        'destination',
        'writable',
        'free space',
        'lock',
        'clock',
        'newest',
        'history',
      ]),
    );
    const left = readdirSync(join(place.path, 'store', 'small', '.runner'));
    expect(left.filter((name) => name.includes('probe'))).toEqual([]);
  });
});

describe('config', () => {
  it('is a plan again', async () => {
    const { stdout } = await run(['config']);
    writeFileSync(join(place.path, 'again.yaml'), stdout);
    const again = JSON.parse((await run(['config', './again.yaml', '--json'])).stdout);
    expect(again).toEqual(JSON.parse((await run(['config', '--json'])).stdout));
  });

  it('prints promises as a row a backup', async () => {
    const { stdout } = await run(['config', '--promises']);
    expect(stdout.split('\n')[0]).toMatch(/^BACKUP +RPO +RTO +COPIES +MEDIA +OFF SITE +OLDEST +PROOF +WAIVERS$/);
    expect(stdout.split('\n')[1]).toMatch(/^notes +- +- +2 +1 +0 /);
  });
});

describe('the log of a run', () => {
  it('is written into --log-dir with its record', async () => {
    const logged = await run(['verify', '--log-dir', 'logs', '--quiet']);
    expect(logged).toEqual({ exitCode: 0, signal: null, stdout: '', stderr: '' });
    const files = readdirSync(join(place.path, 'logs')).toSorted();
    expect(files.map((name) => name.replace(/^.*\./, '.'))).toEqual(['.json', '.log']);
    const log = readFileSync(join(place.path, 'logs', files[1]!), 'utf8');
    expect(log.split('\n')[0]).toMatch(/^\d{4}-\d\d-\d\dT\S+Z info {2}verify of plan small starts as run /);
    expect(log).toContain(`${ids[1]}: content check passed`);
    expect(JSON.parse(readFileSync(join(place.path, 'logs', files[0]!), 'utf8'))).toMatchObject({
      format: 'runner/run@1',
    });
  });
});

describe('the event stream', () => {
  it('is versioned JSON, a line each, from the start to the end of the run', async () => {
    const { exitCode, stdout, stderr } = await run(['verify', '--json']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.every(({ format, time }) => format === 'runner/event@1' && /Z$/.test(time))).toBe(true);
    expect(events[0]).toMatchObject({ event: 'run-started', command: 'verify', plan: 'small' });
    expect(events.at(-1)).toMatchObject({ event: 'run-finished', exitCode: 0, outcome: 'success' });
    expect(events.filter(({ event }) => event === 'verified').map(({ level }) => level)).toContain('content');
  });
});
