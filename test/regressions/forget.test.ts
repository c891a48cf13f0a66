import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

it('RECOVERY.md does not name what was forgotten', async () => {
  const place = temporaryDirectory();
  const run = (...words: string[]) => runner(words, { cwd: place.path });
  const page = () => readFileSync(join(place.path, 'disk', 'shop', 'RECOVERY.md'), 'utf8');
  try {
    writeFileSync(
      join(place.path, 'plan.yaml'),
      `version: 1
name: shop
destinations: { disk: { type: local, path: disk } }
backups: { data: { source: { type: command, run: [echo, data] }, destinations: [disk] } }
`,
    );
    for (const _ of [1, 2]) {
      expect((await run('apply', 'plan.yaml', '-q')).exitCode).toBe(0);
      // Ids count seconds.
      await sleep(1000);
    }
    const ids = JSON.parse((await run('list', 'plan.yaml', '--json')).stdout).backups.map(
      ({ id }: { id: string }) => id,
    );
    expect(page()).toContain(ids[1]);
    expect((await run('forget', 'plan.yaml', ids[1], '--yes', '--reason', 'poisoned')).exitCode).toBe(0);
    expect(page()).not.toContain(ids[1]);
    expect(page()).toContain(`The newest good one is \`${ids[0]}\``);
  } finally {
    place.remove();
  }
});
