// `list` over an S3 destination that holds 100,000 hourly backups, start to exit, and the requests that it takes: a versitygw of its
// own over the folder of listing.mjs. usage: node bench/listing-s3.mjs [--backups 100000] [--runs 3]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cli, keep, median, option, work } from './measure.mjs';
import { planOf, shelfOf } from './shelf.mjs';

const count = option('backups', 100_000);
const folder = join(work, 'listing-s3');
const log = join(folder, 'requests');
rmSync(folder, { recursive: true, force: true });
mkdirSync(join(folder, 'buckets'), { recursive: true });
symlinkSync(shelfOf(count), join(folder, 'buckets', 'bench'));
writeFileSync(log, '');

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = server.address();
    server.close(() => resolve(free));
  });
});
const brought = join(process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test', 'bin/versitygw');
const program = existsSync(brought) ? brought : 'versitygw';
const keys = { AWS_ACCESS_KEY_ID: 'bench', AWS_SECRET_ACCESS_KEY: 'bench-secret' };
const posix = ['posix', '--nometa', '--bucketlinks', join(folder, 'buckets')];
const server = spawn(program, ['--quiet', '--port', `127.0.0.1:${port}`, '--access-log', log, ...posix], {
  stdio: 'inherit',
  env: { ...process.env, ROOT_ACCESS_KEY: keys.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: keys.AWS_SECRET_ACCESS_KEY },
});
process.on('exit', () => server.kill('SIGKILL'));
for (let tries = 0; tries < 100; tries += 1) {
  const answered = await fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
  if (answered) break;
  await sleep(100);
}

const file = join(work, 'listing-s3.yaml');
const place = { type: 's3', bucket: 'bench', endpoint: `http://127.0.0.1:${port}` };
writeFileSync(file, JSON.stringify(planOf(place), null, 2));
const loadBefore = loadavg()[0];
const seconds = [];
let requests = 0;
for (let round = -1; round < option('runs', 3); round += 1) {
  truncateSync(log);
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'list', file, '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    env: { ...process.env, ...keys },
  });
  if (status !== 0) throw new Error(stderr);
  const { backups } = JSON.parse(stdout);
  if (backups.length !== count) throw new Error(`list told of ${backups.length} backups`);
  // The first round fills the caches of the disk.
  if (round >= 0) seconds.push((performance.now() - began) / 1000);
  requests = readFileSync(log, 'utf8').trim().split('\n').length;
}
const shown = seconds.map((value) => value.toFixed(2)).join(' ');
console.log(
  `list of ${count} backups on S3, start to exit: ${median(seconds).toFixed(2)} s (${shown}), ${requests} requests`,
);
keep('listing-s3', loadBefore, { backups: count, seconds, requests });
rmSync(folder, { recursive: true, force: true });
process.exit();
