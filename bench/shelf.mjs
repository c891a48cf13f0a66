// A shelf of hourly backups by names alone (the files are empty), which stays for the next time.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { work } from './measure.mjs';

const end = Date.parse('2026-11-20T02:00:00Z');

/** The folder that holds so many backups, three files each. */
export function shelfOf(count) {
  const shelf = join(work, `shelf-${count}`);
  if (existsSync(shelf)) return shelf;
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
  return shelf;
}

/** The plan that lists it at this destination. */
export const planOf = (destination) => ({
  version: 1,
  name: 'bench',
  timezone: 'Europe/Berlin',
  destinations: { disk: destination },
  backups: {
    shop: {
      source: { type: 'files', base: work, paths: ['.'] },
      destinations: ['disk'],
      retention: { within: '7d', daily: '30d', weekly: '1y', monthly: '7y' },
    },
  },
});
