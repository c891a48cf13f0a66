// `list` and `prune --dry-run` over a local destination that holds 100,000 hourly backups, start to exit: listing, decision
// and output, by names alone (the files are empty). usage: node bench/listing.mjs [--backups 100000] [--runs 3]
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { cli, keep, median, option, work } from './measure.mjs';

const count = option('backups', 100_000);
const shelf = join(work, `shelf-${count}`);
const end = Date.parse('2026-11-20T02:00:00Z');

function makeShelf() {
  if (existsSync(shelf)) return;
  const unfinished = `${shelf}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  let folder = '';
  for (let index = 0; index < count; index++) {
    const time = new Date(end - (count - 1 - index) * 3_600_000).toISOString();
    const stamp = time.replaceAll(/[-:]|\.\d+/g, '');
    const id = `shop-${stamp}-${index.toString(36).padStart(6, '0')}`;
    const wanted = join(unfinished, 'bench', 'shop', time.slice(0, 4), time.slice(5, 7));
    if (wanted !== folder) mkdirSync(wanted, { recursive: true, mode: 0o700 });
    folder = wanted;
    for (const rest of ['.tar', '.manifest.json', `.checksum-pass-${stamp}-0000aa.json`])
      closeSync(openSync(join(folder, id + rest), 'w', 0o600));
  }
  renameSync(unfinished, shelf);
}

makeShelf();
const plan = {
  version: 1,
  name: 'bench',
  timezone: 'Europe/Berlin',
  destinations: { disk: { type: 'local', path: shelf } },
  backups: {
    shop: {
      source: { type: 'files', base: work, paths: ['.'] },
      destinations: ['disk'],
      retention: { within: '7d', daily: '30d', weekly: '1y', monthly: '7y' },
    },
  },
};
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
