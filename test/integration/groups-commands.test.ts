/** Groups and parts as a person meets them: apply, list, show, prune, restore. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Options } from '../../src/commands/command.ts';
import { built } from '../helpers/runner.ts';
import { command } from '../proofs/in-process.ts';

beforeAll(built);
let root: string;
let plan: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'runner-groups-'));
  plan = join(root, 'plan.yaml');
  for (const name of ['store', 'tmp', 'www']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'www', 'index.html'), 'first');
  write('echo orders');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(script: string, retention = '{ last: 2 }'): void {
  writeFileSync(
    plan,
    `version: 1
name: shop
destinations: { main: { type: local, path: store } }
defaults: { destinations: [main], retention: ${retention}, schedule: "0 2 1 1 *" }
backups:
  orders: { source: { type: command, run: [sh, -c, "${script}"], restore: [sh, -c, "cat > orders"] } }
  uploads: { source: { type: files, paths: [www] } }
  other: { source: { type: command, run: [echo, other] }, schedule: "30 2 1 1 *" }
groups:
  shop: { together: [orders, uploads] }
`,
  );
}

const run = (verb: string, words: string[] = [], options: Options = {}) =>
  command(verb, plan, words, options, { TMPDIR: join(root, 'tmp') });
const listed = async () => JSON.parse((await run('list', [], { json: true })).stdout).backups;

describe('a group on the command line', () => {
  it('is made as a whole, whoever is named, and that is said', async () => {
    const named = await run('apply', ['uploads']);
    expect([named.exitCode, named.stderr]).toEqual([
      0,
      expect.stringContaining('note: orders is backed up as well: group "shop" is made as a whole'),
    ]);
    const whole = await run('apply', ['shop']);
    expect(whole.stderr).not.toContain('note:');
    const rows = await listed();
    expect(rows.map((row: { backup: string }) => row.backup).sort()).toEqual([
      'orders',
      'orders',
      'uploads',
      'uploads',
    ]);
    expect(rows.every((row: { set: { state: string } }) => row.set.state === 'whole')).toBe(true);
    expect(new Set(rows.map((row: { set: { key: string } }) => row.set.key)).size).toBe(2);
    const shown = await run('show', [rows[0].id]);
    expect(shown.stdout).toMatch(/set: +shop: orders, uploads, backed up together by run /);
    expect((await run('list', ['uploads'])).stdout.trim().split('\n')).toHaveLength(3);
  });

  it('is owed as a whole', async () => {
    await run('apply', ['other']);
    const due = await run('apply', [], { due: true });
    expect(due.exitCode).toBe(0);
    expect((await listed()).map((row: { backup: string }) => row.backup).sort()).toEqual([
      'orders',
      'other',
      'uploads',
    ]);
    expect((await run('apply', [], { due: true })).stderr).toContain('nothing is due');
  });

  it('that lost a member is told by list and show, and fills no slot', async () => {
    await run('apply', ['shop']);
    write('exit 3');
    expect((await run('apply', ['shop'])).exitCode).toBe(1);
    const { stdout } = await run('list');
    const [lonely] = stdout.split('\n').filter((line) => line.includes('incomplete'));
    expect(lonely).toMatch(/^uploads-.* recent .*good, set incomplete/);
    const shown = await run('show', [lonely!.split(' ')[0]!]);
    expect(shown.stdout).toContain('not all of them are there and good');
    write('echo orders', '{ last: 1 }');
    const pruned = await run('prune', ['uploads'], { dryRun: true, json: true });
    const { backups } = JSON.parse(pruned.stdout);
    expect(backups.map((row: { keep: boolean }) => row.keep)).toEqual([true, true, true]);
  });

  it('is pruned as a whole', async () => {
    for (let turn = 0; turn < 3; turn += 1) await run('apply', ['shop']);
    write('echo orders', '{ last: 1 }');
    const pruned = await run('prune', ['orders'], { yes: true });
    expect([pruned.exitCode, (await listed()).length]).toEqual([0, 2]);
    const tombstones = readdirSync(join(root, 'store/shop/.runner/pruned')).filter((name) => !name.includes('.done'));
    const named = tombstones.map((name) =>
      JSON.parse(readFileSync(join(root, 'store/shop/.runner/pruned', name), 'utf8')),
    );
    // The apply of the third and the prune: each names both members of a set in one tombstone.
    expect(named.map(({ deleted }) => deleted.length)).toEqual([2, 2]);
  });
});
