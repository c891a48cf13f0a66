// The largest memory of any of our Node processes while 1 GB and 8 GB are captured through zstd and aes to three local
// copies: the peak (VmHWM) of the runner and of every Node process that it starts. Linux.
// usage: node bench/memory.mjs [--runs 3]    (runs of 1 GB; 8 GB is captured once)
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataOf } from './data.mjs';
import { cli, keep, option, promise, work } from './measure.mjs';

const data = dataOf(1e9);
const place = join(work, 'memory');
const key = join(work, 'memory.key');
const node = realpathSync(process.execPath);
writeFileSync(key, 'correct horse battery staple\n', { mode: 0o600 });

/** Prints all files of a directory so many times: `sh -c REPEAT TIMES DIRECTORY`. */
const repeat = 'i=0; while [ "$i" -lt "$0" ]; do cat "$1"/*; i=$((i + 1)); done';

/** A `command` source counts what it prints in a Node process of its own: the most that a capture ever starts. */
function planFile(times) {
  // In a plan a dollar sign is written twice.
  const print = repeat.replaceAll('$', () => '$$');
  const names = ['a', 'b', 'c'];
  const plan = {
    version: 1,
    name: 'bench',
    secrets: { key: { file: key } },
    destinations: Object.fromEntries(names.map((name) => [name, { type: 'local', path: join(place, name) }])),
    backups: {
      data: {
        source: { type: 'command', run: ['sh', '-c', print, String(times), data] },
        transforms: ['zstd', { aes: { key: { secret: 'key' } } }],
        destinations: names,
      },
    },
  };
  const file = join(work, `memory-${times}.yaml`);
  writeFileSync(file, JSON.stringify(plan, null, 2));
  return file;
}

/** What is read of a process; null once it is gone. */
function look(id) {
  try {
    const status = readFileSync(`/proc/${id}/status`, 'utf8');
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    return {
      parent: field('PPid'),
      peak: field('VmHWM') * 1024,
      isNode: readlinkSync(`/proc/${id}/exe`) === node,
      program: readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0').slice(1, 3),
      run: /(?:^|\0)RUNNER_RUN_ID=([^\0]*)/.exec(readFileSync(`/proc/${id}/environ`, 'latin1'))?.[1],
    };
  } catch {
    return null;
  }
}

/** The runner, what descends from it, and whatever carries the same run's id. */
function ours(runner) {
  const all = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const seen = look(name);
    if (seen) all.set(Number(name), seen);
  }
  const descends = (id) => id === runner || (all.has(id) && descends(all.get(id).parent));
  const family = [...all].filter(([id]) => descends(id));
  const runs = new Set(family.flatMap(([, { run }]) => run ?? []));
  return [...all].filter(([id, { isNode, run }]) => isNode && (descends(id) || runs.has(run)));
}

async function capture(times) {
  rmSync(place, { recursive: true, force: true });
  for (const name of ['a', 'b', 'c']) mkdirSync(join(place, name), { recursive: true, mode: 0o700 });
  const child = spawn(process.execPath, [cli, 'apply', planFile(times), '--quiet'], { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const peaks = {};
  let running = true;
  void ended.then(() => {
    running = false;
  });
  while (running) {
    for (const [id, { program, peak }] of ours(child.pid)) {
      const what = id === child.pid ? 'runner' : program.map((word) => word.split('/').at(-1)).join(' ');
      peaks[what] = Math.max(peaks[what] ?? 0, peak);
    }
    await sleep(100);
  }
  const [status] = await ended;
  if (status !== 0) throw new Error(`apply ended with ${status}`);
  rmSync(place, { recursive: true });
  spawnSync('sync');
  return peaks;
}

const loadBefore = loadavg()[0];
const results = [];
for (const times of [...Array(option('runs', 3)).fill(1), 8]) {
  const peaks = await capture(times);
  results.push({ bytes: times * 1e9, peaks });
  const shown = Object.entries(peaks).map(([what, peak]) => `${what} ${(peak / 1e6).toFixed(1)} MB`);
  console.log(`${times} GB: ${shown.join(', ')}`);
}
const largest = (bytes) =>
  Math.max(...results.filter((run) => run.bytes === bytes).flatMap(({ peaks }) => Object.values(peaks)));
promise('largest process at 8 GB', largest(8e9) / 1e6, 120, ' MB');
// Equal but for what the moment of a collection makes of it.
promise('8 GB, times the largest at 1 GB', largest(8e9) / largest(1e9), 1.1);
keep('memory', loadBefore, { results });
