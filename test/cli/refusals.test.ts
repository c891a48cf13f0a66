import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isRoot } from '../helpers/programs.ts';
import { runner } from '../helpers/runner.ts';
import { small, workplaces } from './plan.ts';

const place = workplaces();

/** What every failure owes: no stack trace, and nothing but sentences. */
function sentences(stderr: string): string {
  expect(stderr).not.toMatch(/^\s+at .*[:(]/m);
  expect(stderr).not.toContain('node:internal');
  return stderr;
}

describe('a plan that is wrong', () => {
  it('is told with file, line, column and marker, all problems at once', async () => {
    const { path } = place(small.replace('verify: [content]', 'verfy: [content]').replace('last: 2', 'last: 0'));
    const { exitCode, stdout, stderr } = await runner(['validate'], { cwd: path });
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(sentences(stderr)).toMatch(/^runner\.yaml:8:16 error schema: /);
    expect(stderr).toContain('runner.yaml:14:5 error schema: unknown key "verfy"');
    expect(stderr).toContain('  14 |     verfy: [content]\n     |     ^~~~~\n');
    expect(stderr).toContain('did you mean "verify"?');
    expect(stderr.trimEnd().split('\n').at(-1)).toBe('runner: runner.yaml has 2 mistakes; nothing was started');
  });

  it('is told as JSON', async () => {
    const { path } = place(small.replace('verify: [content]', 'verfy: [content]'));
    const { exitCode, stdout, stderr } = await runner(['validate', '--json'], { cwd: path });
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: '' });
    const { format, valid, diagnostics } = JSON.parse(stdout);
    expect({ format, valid }).toEqual({ format: 'runner/validate@1', valid: false });
    expect(diagnostics[0]).toMatchObject({ severity: 'error', suggestion: 'verify', place: { line: 14, column: 5 } });
  });

  const bad: [string, (path: string) => void][] = [
    ['is not there', () => {}],
    ['is a directory', (path) => mkdirSync(path)],
    ['is empty', (path) => writeFileSync(path, '')],
    ['is binary', (path) => writeFileSync(path, Buffer.from([0, 1, 2, 255, 254, 0]))],
    ['is no UTF-8', (path) => writeFileSync(path, Buffer.from([0x6e, 0x3a, 0x20, 0xff, 0xfe, 0x0a]))],
    ['refers to itself', (path) => symlinkSync(path, path)],
  ];
  it.each(bad)('%s: exit 4 with a sentence that names it', async (_, make) => {
    const { path } = place();
    make(join(path, 'bad.yaml'));
    for (const verb of ['validate', 'plan', 'apply', 'list']) {
      const { exitCode, stdout, stderr } = await runner([verb, 'bad.yaml'], { cwd: path });
      expect({ verb, exitCode, stdout }).toEqual({ verb, exitCode: 4, stdout: '' });
      expect(sentences(stderr)).toContain('bad.yaml');
    }
  });
});

describe('without a terminal', () => {
  it('nothing is deleted without --yes', async () => {
    const { path } = place();
    for (const _ of [1, 2]) expect((await runner(['apply', '-q'], { cwd: path })).exitCode).toBe(0);
    writeFileSync(join(path, 'runner.yaml'), small.replace('last: 2', 'last: 1'));
    const refused = await runner(['prune'], { cwd: path });
    expect(refused.exitCode).toBe(4);
    expect(sentences(refused.stderr)).toContain(
      'runner: nothing was done: without a terminal to ask at, this needs --yes: delete 1 backup\n',
    );
    const count = async () => JSON.parse((await runner(['list', '--json'], { cwd: path })).stdout).backups.length;
    expect(await count()).toBe(2);
    expect((await runner(['prune', '--yes', '-q'], { cwd: path })).exitCode).toBe(0);
    expect(await count()).toBe(1);
    expect((await runner(['prune'], { cwd: path })).exitCode).toBe(0);
  });

  it('nothing is forgotten without --yes, and what is pinned not at all', async () => {
    const { path } = place();
    await runner(['apply', '-q'], { cwd: path });
    const [{ id }] = JSON.parse((await runner(['list', '--json'], { cwd: path })).stdout).backups;
    const forget = (...words: string[]) => runner(['forget', id, '--reason', 'a test', ...words], { cwd: path });
    const refused = await forget();
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain(`this needs --yes: delete ${id} at disk for ever`);
    expect((await runner(['pin', id, '--reason', 'kept'], { cwd: path })).stdout).toBe(
      `${id} is pinned until it is unpinned\n`,
    );
    expect(JSON.parse((await runner(['list', '--json'], { cwd: path })).stdout).backups[0].pinned).toBe(true);
    expect((await forget('--yes')).stderr).toBe(`runner: ${id} is pinned; \`runner unpin\` it first\n`);
    expect((await runner(['unpin', id], { cwd: path })).exitCode).toBe(0);
    const gone = await forget('--yes');
    expect(gone).toMatchObject({ exitCode: 0, stdout: `${id} is forgotten at 1 of 1 destinations\n` });
    const asked = await runner(['show', id], { cwd: path });
    expect(asked.exitCode).toBe(4);
    expect(asked.stderr).toMatch(/ was deleted at disk on \d{4}-\d\d-\d\d: forgotten: a test\n$/);
  });

  it('no live data is replaced without --yes', async () => {
    const { path } = place(small.replace('verify: [content]', 'restore: { to: notes, overwrite: true }'));
    await runner(['apply', '-q'], { cwd: path });
    writeFileSync(join(path, 'notes', 'first.txt'), 'changed since\n');
    const restore = (...words: string[]) => runner(['restore', '--latest', ...words], { cwd: path });
    const refused = await restore();
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toMatch(/this needs --yes: replace the live data at .*notes by notes-/);
    expect(readFileSync(join(path, 'notes', 'first.txt'), 'utf8')).toBe('changed since\n');
    expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('restore', () => {
  it('makes a fresh directory, and leaves one that is not empty alone', async () => {
    const { path } = place();
    await runner(['apply', '-q'], { cwd: path });
    const restore = (...words: string[]) => runner(['restore', 'notes', '--latest', ...words], { cwd: path });
    const preview = await restore('--to', 'back', '--plan-only');
    expect(preview.exitCode).toBe(0);
    expect(preview.stdout).toContain(join(path, 'back'));
    expect(existsSync(join(path, 'back'))).toBe(false);
    expect((await restore('--to', 'back')).exitCode).toBe(0);
    expect(
      readdirSync(join(path, 'back'), { recursive: true }).some((name) => String(name).endsWith('first.txt')),
    ).toBe(true);
    const again = await restore('--to', 'back', '--yes');
    expect(again.exitCode).toBe(4);
    expect(again.stderr).toBe(
      `runner: ${join(path, 'back')} exists and is not empty; restore into a fresh directory, or let the plan say restore: { overwrite: true }\n`,
    );
    expect((await restore('--to', 'no/such/place')).stderr).toContain('is no directory');
  });

  it('takes an artifact from outside the catalogue', async () => {
    const { path } = place();
    await runner(['apply', '-q'], { cwd: path });
    const [{ id }] = JSON.parse((await runner(['list', '--json'], { cwd: path })).stdout).backups;
    const shown = JSON.parse((await runner(['show', id, '--json'], { cwd: path })).stdout);
    renameSync(join(path, 'store', shown.manifest.artifacts[0].key), join(path, 'found.tar'));
    const { exitCode } = await runner(['restore', '--file', './found.tar', '--to', 'back', '-q'], { cwd: path });
    expect([0, 1]).toContain(exitCode);
    expect(
      readdirSync(join(path, 'back'), { recursive: true }).some((name) => String(name).endsWith('second.txt')),
    ).toBe(true);
    const strange = await runner(['restore', '--file', 'runner.yaml', '--to', 'b2'], { cwd: path });
    expect(strange.exitCode).toBe(4);
    expect(strange.stderr).toContain('runner.yaml does not look like an artifact of "notes"');
  });

  it('says in which state the shelf is when nothing fits', async () => {
    const { path } = place();
    const none = await runner(['restore', '--latest', '--to', 'back'], { cwd: path });
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toBe(
      'runner: "notes" has no good backup; none was ever committed at the destinations that could be read\n',
    );
    await runner(['apply', '-q'], { cwd: path });
    const early = await runner(['restore', '--at', '2020-01-01', '--to', 'back'], { cwd: path });
    expect(early.exitCode).toBe(2);
    expect(early.stderr).toMatch(
      /^runner: "notes" has no good backup that was begun on 2020-01-01; the newest of all is notes-/,
    );
    const late = await runner(['restore', '--at', '2120-01-01T00:00', '--to', 'back', '--plan-only'], { cwd: path });
    expect(late.exitCode).toBe(0);
  });
});

describe('what fails while running', () => {
  it('a source that is gone: nothing is started, exit 4', async () => {
    const { path } = place(small.replace('paths: [notes]', 'paths: [nowhere]'));
    const { exitCode, stderr } = await runner(['apply'], { cwd: path });
    expect(exitCode).toBe(4);
    expect(sentences(stderr)).toContain(`${join(path, 'nowhere')} does not exist`);
    expect(readdirSync(join(path))).not.toContain('back');
  });

  it('a failing program: exit 2, and the shelf is as it was', async () => {
    const { path } = place(
      small.replace(
        'type: files, paths: [notes]',
        'type: command, run: [sh, -c, "echo half; exit 3"], restore: [cat], extension: .txt',
      ),
    );
    const { exitCode, stderr } = await runner(['apply'], { cwd: path });
    expect(exitCode).toBe(2);
    expect(sentences(stderr)).toMatch(/error: back up notes: failed after .*exit/s);
    expect(JSON.parse((await runner(['list', '--json'], { cwd: path })).stdout).backups).toEqual([]);
  });

  it.skipIf(isRoot)(
    'a destination that may not be written: exit 2 (skipped for root, who may write everywhere)',
    async () => {
      const { path } = place();
      mkdirSync(join(path, 'store'), { mode: 0o500 });
      const { exitCode, stderr } = await runner(['apply'], { cwd: path });
      chmodSync(join(path, 'store'), 0o700);
      expect(exitCode).toBe(2);
      expect(sentences(stderr)).toContain('disk');
    },
  );

  it('a log directory that cannot be made: exit 4 before anything', async () => {
    const { path } = place();
    const { exitCode, stderr } = await runner(['apply', '--log-dir', 'runner.yaml/logs'], { cwd: path });
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^runner: the log directory runner.yaml\/logs cannot be made: /);
    expect(JSON.parse((await runner(['list', '--json'], { cwd: path })).stdout).backups).toEqual([]);
  });
});

describe('a lock', () => {
  it('held by another run is exit 5 with who and since when, and can be broken', async () => {
    const { path } = place();
    await runner(['apply', '-q'], { cwd: path });
    const folder = join(path, 'store', 'small', '.runner', 'lease');
    const newest = readdirSync(folder).toSorted().at(-1)!;
    const lease = JSON.parse(readFileSync(join(folder, newest), 'utf8'));
    delete lease.released;
    writeFileSync(
      join(folder, newest),
      JSON.stringify({ ...lease, run: 'another', host: 'elsewhere', bootId: 'b', pid: 7 }),
    );
    const locked = await runner(['apply'], { cwd: path });
    expect(locked.exitCode).toBe(5);
    expect(sentences(locked.stderr)).toContain('run another on elsewhere (process 7) since ');
    expect((await runner(['unlock'], { cwd: path })).exitCode).toBe(4);
    const unlocked = await runner(['unlock', '--yes'], { cwd: path });
    expect(unlocked).toMatchObject({ exitCode: 0 });
    expect((await runner(['unlock', '--yes'], { cwd: path })).stdout).toBe('nothing is locked\n');
    expect((await runner(['apply', '-q'], { cwd: path })).exitCode).toBe(0);
  });
});
