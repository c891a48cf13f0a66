/** Tasks of a plan: steps that are no backup, done by name or when their schedule owes them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
  writeFileSync(join(place.path, 'data'), 'data\n');
});
afterEach(() => place.remove());

const run = (...words: string[]) => runner(words, { cwd: place.path });
const said = (name: string) => readFileSync(join(place.path, name), 'utf8');
const runs = () => readdirSync(join(place.path, 'disk', 'shop', '.runner', 'runs')).sort();

function write(tasks: string): void {
  const plan = `version: 1
name: shop
destinations: { disk: { type: local, path: disk } }
backups:
  data: { source: { type: files, base: ., paths: [data] }, destinations: [disk] }
tasks:
${tasks}`;
  writeFileSync(join(place.path, 'plan.yaml'), plan);
}

const scan = `  scan:
    schedule: "0 3 * * 0"
    steps: [{ run: [sh, -c, 'echo "$$RUNNER_HOOK of $$RUNNER_TASK" >> said; exit $$(cat status)'] }]
    hooks:
      before: [{ run: [sh, -c, echo before >> said] }]
      after: [{ run: [sh, -c, echo after >> said] }]
      on-failure: [{ run: [sh, -c, 'echo "failed: $$RUNNER_ERROR" >> said'] }]
      finally: [{ run: [sh, -c, echo finally >> said] }]
`;

describe('a task', () => {
  it('is done with its hooks when it is named, makes no backup, and is no part of a plain apply', async () => {
    write(scan);
    writeFileSync(join(place.path, 'status'), '0');
    const plain = await run('apply', 'plan.yaml');
    expect([plain.exitCode, plain.stdout.split(/\s+/)[0]]).toEqual([0, 'data']);
    expect(() => said('said')).toThrow();
    const before = runs();
    const named = await run('apply', 'plan.yaml', 'scan');
    expect([named.exitCode, named.stdout]).toEqual([0, 'scan  ok\n']);
    expect(said('said')).toBe('before\ntask of scan\nafter\nfinally\n');
    // Its record and its log lie beside the backups.
    const [record, log] = runs().filter((name) => !before.includes(name));
    expect(record).toMatch(/\.json$/);
    expect(said(join('disk/shop/.runner/runs', log!))).toContain('task scan: done');
  });

  it('counts as a backup that failed, and tells its hooks why', async () => {
    write(scan);
    writeFileSync(join(place.path, 'status'), '7');
    expect((await run('apply', 'plan.yaml', 'scan')).exitCode).toBe(2);
    expect(said('said')).toMatch(/^before\ntask of scan\nfailed: "sh" fa.*7.*\nfinally\n$/);
    expect((await run('apply', 'plan.yaml', 'scan', 'data')).exitCode).toBe(1);
  });

  it('is owed until it was done once since its time', async () => {
    write(scan);
    writeFileSync(join(place.path, 'status'), '7');
    expect((await run('apply', 'plan.yaml', '--due')).exitCode).toBe(2);
    writeFileSync(join(place.path, 'status'), '0');
    expect((await run('apply', 'plan.yaml', '--due')).stdout).toBe('scan  ok\n');
    const again = await run('apply', 'plan.yaml', '--due');
    expect([again.exitCode, again.stdout]).toEqual([0, '']);
    expect(again.stderr).toMatch(/^nothing is due; next is scan at .* 03:00:00 UTC\n$/);
  });

  it('that needs a person waits for one', async () => {
    write('  review: { schedule: "0 9 1 * *", steps: [{ manual: Read the report }] }\n');
    const due = await run('apply', 'plan.yaml', '--due');
    expect([due.exitCode, due.stderr]).toEqual([
      0,
      'note: task "review" is owed and waits for a person: runner apply plan.yaml review\n',
    ]);
    const alone = await run('apply', 'plan.yaml', 'review');
    expect([alone.exitCode, alone.stdout]).toEqual([2, 'review  failed   not confirmed: «Read the report»\n']);
    expect((await run('apply', 'plan.yaml', 'review', '--yes')).exitCode).toBe(0);
    expect((await run('apply', 'plan.yaml', '--due')).stderr).toMatch(/^nothing is due; next is review /);
  });

  it('is checked like everything else of a plan', async () => {
    write('  data: { schedule: "0 0 31 2 *", steps: [{ sql: select 1 }] }\n');
    const names = await run('validate', 'plan.yaml');
    expect(names.stderr).toContain('7:3 error unknown-name: "data" is the name of a backup');
    write('  other: { schedule: "0 0 31 2 *", steps: [{ sql: select 1 }] }\n');
    const { exitCode, stderr } = await run('validate', 'plan.yaml');
    expect(exitCode).toBe(4);
    expect(stderr).toContain('the schedule "0 0 31 2 *" never comes');
    expect(stderr).toContain('a task has no data to ask');
    expect((await run('apply', 'plan.yaml', 'othr')).stderr).toContain('plan.yaml has 2 mistakes');
  });
});
