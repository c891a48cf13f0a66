// Start to exit of `runner validate` of a 100-backup plan and of `runner --help`, against an empty `node -e 0`.
// Interleaved; the ratio is that of the medians. usage: node bench/startup.mjs [--runs 21]
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { cli, keep, median, option, promise, work } from './measure.mjs';

const backups = 100;

/** Backups as a team would write them: defaults for what is common, and what each has of its own. */
function plan() {
  const entry = (index) => `
  app-${String(index).padStart(3, '0')}:
    source: { type: files, base: /srv/app-${index}, paths: [uploads, settings.json] }
    schedule: "${index % 60} ${index % 24} * * *"
    expect: { min-size: 100KiB, size: { at-least: 50%, at-most: 200% } }
    restore: { to: /srv/app-${index} }
`;
  return `version: 1
name: fleet
timezone: Europe/Berlin
secrets:
  passphrase: { file: passphrase }
transforms:
  sealed: [zstd, { aes: { key: { secret: passphrase } } }]
destinations:
  disk: { type: local, path: /var/backups }
  nas: { type: local, path: /mnt/nas/backups, off-site: true }
retention:
  standard: { within: 7d, daily: 30d, weekly: 1y, monthly: 7y }
defaults:
  transforms: sealed
  destinations: [disk, nas]
  retention: standard
  verify: [content, restore: { every: 7d, into: scratch, assert: [{ count: "**", at-least: 1 }] }]
backups:${Array.from({ length: backups }, (_, index) => entry(index)).join('')}`;
}

mkdirSync(work, { recursive: true });
const file = join(work, 'fleet.yaml');
writeFileSync(file, plan());

const commands = {
  empty: ['-e', '0'],
  help: [cli, '--help'],
  validate: [cli, 'validate', file],
};

function milliseconds(argv) {
  const began = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  const ended = process.hrtime.bigint();
  if (status !== 0) throw new Error(stderr);
  return Number(ended - began) / 1e6;
}

const loadBefore = loadavg()[0];
const runs = { empty: [], help: [], validate: [] };
for (let round = -1; round < option('runs', 21); round++) {
  for (const [name, argv] of Object.entries(commands)) {
    const spent = milliseconds(argv);
    // The first round fills the caches of the disk.
    if (round >= 0) runs[name].push(spent);
  }
}
const medians = Object.fromEntries(Object.entries(runs).map(([name, values]) => [name, median(values)]));
for (const [name, value] of Object.entries(medians))
  console.log(`${name}: ${value.toFixed(0)} ms, at best ${Math.min(...runs[name]).toFixed(0)} ms`);
promise(`validate of ${backups} backups, times an empty node`, medians.validate / medians.empty, 4);
promise('--help, times an empty node', medians.help / medians.empty, 2);
keep('startup', loadBefore, { milliseconds: runs, medians });
