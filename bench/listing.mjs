// `list` and `prune --dry-run` over a local destination that holds 100,000 hourly backups, start to exit: listing, decision
// and output, by names alone (the files are empty). usage: node bench/listing.mjs [--backups 100000] [--runs 3]
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { cli, keep, median, option, work } from './measure.mjs';
import { planOf, shelfOf } from './shelf.mjs';

const count = option('backups', 100_000);
const plan = planOf({ type: 'local', path: shelfOf(count) });
const file = join(work, 'listing.yaml');
writeFileSync(file, JSON.stringify(plan, null, 2));

const commands = { list: ['list', file, '--json'], prune: ['prune', file, '--dry-run', '--json'] };
const loadBefore = loadavg()[0];
const runs = { list: [], prune: [] };
for (let round = -1; round < option('runs', 3); round++) {
  for (const [name, argv] of Object.entries(commands)) {
    const began = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...argv], {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    const seconds = (performance.now() - began) / 1000;
    if (status !== 0) throw new Error(stderr);
    const { backups } = JSON.parse(stdout);
    if (backups.length !== count) throw new Error(`${name} told of ${backups.length} backups`);
    // The first round fills the caches of the disk.
    if (round >= 0) runs[name].push(seconds);
    if (round === 0 && name === 'prune')
      console.log(`prune keeps ${backups.filter((row) => row.keep).length} of ${count}`);
  }
}
for (const [name, seconds] of Object.entries(runs))
  console.log(
    `${name} of ${count} backups, start to exit: ${median(seconds).toFixed(2)} s (${seconds.map((value) => value.toFixed(2)).join(' ')})`,
  );
keep('listing', loadBefore, { backups: count, seconds: runs });
