/** kill -9 of the runner never leaves an application standing still. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { bundle } from '../fakes/bundle.ts';
import { isRoot } from '../helpers/programs.ts';
import { built as programBuilt } from '../helpers/runner.ts';

beforeAll(programBuilt);
let built: string;
let parent: string;
let root: string;
beforeAll(async () => {
  built = await mkdtemp(join(import.meta.dirname, '..', '..', 'node_modules', '.runner-group-'));
  parent = await bundle(join(import.meta.dirname, '..', 'fakes', 'group-parent.ts'), built, /^[^./]/);
});
afterAll(() => rmSync(built, { recursive: true, force: true }));
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'runner-killed-'));
  chmodSync(root, 0o777);
  mkdirSync(join(root, 'store'));
  mkdirSync(join(root, 'tmp'));
  writeFileSync(join(root, 'freeze.sh'), 'echo freeze >> log; chmod 666 log; touch frozen "$1"\n');
  writeFileSync(join(root, 'thaw.sh'), 'echo "thaw $1 $RUNNER_GROUP $KIND.$(id -un)" >> log; rm -f frozen\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** `slow` is where the moment takes long; `user` lets the application go on. */
function plan(slow: 'before' | 'capture', user: string | null): string {
  const file = join(root, 'plan.yaml');
  const wait = 'touch ../store/../slow; exec sleep 600';
  writeFileSync(
    file,
    `version: 1
name: shop
destinations: { main: { type: local, path: store } }
defaults: { destinations: [main], retention: { last: 3 } }
backups:
  orders: { source: { type: command, run: [sh, -c, "echo orders"], extension: .txt } }
  uploads: { source: { type: command, run: [sh, -c, "${slow === 'capture' ? wait.replaceAll('../store/../', '') : 'echo uploads'}"], extension: .txt } }
groups:
  shop:
    together: [orders, uploads]
    quiesce:
      before: [{ run: [sh, freeze.sh, "it's \\" frozen"] }${slow === 'before' ? ', { run: [sh, -c, "touch slow; exec sleep 600"] }' : ''}]
      after: [{ run: [sh, thaw.sh, "it's first"], environment: { KIND: "a b" } }, { run: [sh, thaw.sh, second]${user === null ? '' : `, run-in: { user: ${user} }`} }]
`,
  );
  return file;
}

async function until(what: () => boolean): Promise<void> {
  const end = Date.now() + 100_000;
  while (!what()) {
    if (Date.now() > end) throw new Error('it did not come to that');
    await sleep(20);
  }
}

const log = () => readFileSync(join(root, 'log'), 'utf8').trim().split('\n');

const me = userInfo().username;
const cases: ['before' | 'capture', string | null][] = [
  ['before', null],
  ['capture', null],
  ...(isRoot ? [['capture', 'nobody'] as ['capture', string]] : []),
];

it.each(cases)('killed in %s: it goes on, with its own words, in order, once, also as %s', async (slow, user) => {
  const environment = { PATH: process.env.PATH ?? '', HOME: root, TMPDIR: join(root, 'tmp') };
  // From another folder: the plan's programs lie beside it.
  const child = spawn(process.execPath, [parent, plan(slow, user)], { cwd: '/', env: environment, stdio: 'ignore' });
  const ended = once(child, 'exit');
  await until(() => existsSync(join(root, 'slow')));
  expect(existsSync(join(root, 'frozen'))).toBe(true);
  child.kill('SIGKILL');
  await ended;
  await until(() => !existsSync(join(root, 'frozen')) && log().length === 3);
  expect(log()).toEqual(['freeze', `thaw it's first shop a b.${me}`, `thaw second shop .${user ?? me}`]);
  await sleep(200);
  expect(log()).toHaveLength(3);
  const files = readdirSync(join(root, 'store'), { recursive: true }).map(String);
  expect(files.filter((name) => /uploads-.*\.(txt|manifest\.json)$/.test(name))).toEqual([]);
});
