/** What a committed plan keeps, to the second. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runner, temporaryDirectory } from '../../helpers/runner.ts';
import { root } from './page.ts';

/** Whether a backup that is `seconds` older than the newest stays at a destination, nothing else being there. */
export async function isKept(plan: string, backup: string, from: string, seconds: number): Promise<boolean> {
  const place = temporaryDirectory();
  const times = join(place.path, 'times');
  const newest = Date.parse('2026-03-20T02:00:00Z');
  writeFileSync(times, [0, seconds].map((age) => `${new Date(newest - age * 1000).toISOString()}\n`).join(''));
  const words = ['retention', plan, backup, '--from', from, '--times', times, '--json'];
  const rows = JSON.parse((await runner(words, { cwd: root })).stdout) as { keep: boolean }[];
  place.remove();
  return rows.length === 2 && rows.every(({ keep }) => keep);
}
