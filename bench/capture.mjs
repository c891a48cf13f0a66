// 1 GB through zstd and aes to one and to three local copies: `runner apply` against bench/pipeline.sh, in turns.
// Wall time and the processor time of all processes, as bash's `time` gives them. usage: node bench/capture.mjs [--runs 5]
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { dataOf } from './data.mjs';
import { cli, keep, median, option, promise, root, work } from './measure.mjs';

const bytes = option('bytes', 1e9);
const place = join(work, 'capture');
const key = join(work, 'capture.key');
const log = join(work, 'capture.log');
const data = dataOf(bytes);
writeFileSync(key, 'correct horse battery staple\n', { mode: 0o600 });

const folders = (copies) => ['a', 'b', 'c'].slice(0, copies).map((name) => join(place, name));

function planFile(copies) {
  const names = folders(copies).map((_, index) => `copy-${index}`);
  const plan = {
    version: 1,
    name: 'bench',
    secrets: { key: { file: key } },
    destinations: Object.fromEntries(folders(copies).map((path, index) => [names[index], { type: 'local', path }])),
    backups: {
      data: {
        source: { type: 'files', base: data, paths: ['.'] },
        transforms: ['zstd', { aes: { key: { secret: 'key' } } }],
        destinations: names,
      },
    },
  };
  const file = join(work, `capture-${copies}.yaml`);
  writeFileSync(file, JSON.stringify(plan, null, 2));
  return file;
}

const contestants = {
  shell: (copies) => [
    'bash',
    join(root, 'bench', 'pipeline.sh'),
    data,
    key,
    join(place, 'a', 'sum'),
    ...folders(copies).map((folder) => join(folder, 'data.tar.zst.enc')),
  ],
  runner: (copies) => [process.execPath, cli, 'apply', planFile(copies), '--quiet'],
};

function artifacts(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.tar.zst.enc'));
  return files.map((name) => statSync(join(folder, name)).size);
}

/** One run into empty folders, with nothing of an earlier one left to be written to disk. */
function measure(who, copies) {
  rmSync(place, { recursive: true, force: true });
  for (const folder of folders(copies)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const argv = contestants[who](copies);
  spawnSync('sync');
  const timed = 'TIMEFORMAT="%3R %3U %3S"; time "$@" >"$0" 2>&1';
  const { status, stderr } = spawnSync('bash', ['-c', timed, log, ...argv], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${who} failed: see ${log}`);
  const [wall, user, system] = stderr.trim().split(' ').map(Number);
  const sizes = folders(copies).flatMap(artifacts);
  if (sizes.length !== copies) throw new Error(`${who} left ${sizes.length} artifacts, not ${copies}`);
  rmSync(place, { recursive: true });
  return { wall, cpu: user + system, user, system, size: sizes[0] };
}

const loadBefore = loadavg()[0];
const results = [];
for (const copies of [1, 3]) {
  const runs = { shell: [], runner: [] };
  for (let round = -1; round < option('runs', 5); round++) {
    const order = round % 2 === 0 ? ['shell', 'runner'] : ['runner', 'shell'];
    for (const who of order) {
      const run = measure(who, copies);
      // The first round warms the caches of the disk.
      if (round >= 0) runs[who].push(run);
    }
  }
  const of = (who, what) => median(runs[who].map((run) => run[what]));
  for (const who of ['shell', 'runner']) {
    const packed = (bytes / runs[who][0].size).toFixed(2);
    const figures = `wall ${of(who, 'wall').toFixed(2)} s, processor ${of(who, 'cpu').toFixed(2)} s`;
    console.log(`${who}, ${copies} ${copies === 1 ? 'copy' : 'copies'}: ${figures}; packed ${packed} to 1`);
  }
  const paired = (what) => median(runs.runner.map((run, index) => run[what] / runs.shell[index][what]));
  for (const [what, most] of Object.entries({ wall: 1.05, cpu: 1.1 })) {
    promise(`${copies} to disk, ${what}, times the shell's`, of('runner', what) / of('shell', what), most);
    console.log(`       median of the ratios of neighbours: ${paired(what).toFixed(3)}`);
  }
  results.push({ copies, runs });
}
keep('capture', loadBefore, { bytes, results });
