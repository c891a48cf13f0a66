import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

it('two names of one place that only the place itself tells apart are no other run that holds the lock', async () => {
  const place = temporaryDirectory();
  try {
    mkdirSync(join(place.path, 'disk'));
    symlinkSync('disk', join(place.path, 'link'));
    writeFileSync(
      join(place.path, 'plan.yaml'),
      `version: 1
name: shop
destinations: { disk: { type: local, path: disk }, link: { type: local, path: link } }
backups: { data: { source: { type: command, run: [echo, data] }, destinations: [disk, link] } }
`,
    );
    const { exitCode, stderr } = await runner(['apply', 'plan.yaml', '-q'], { cwd: place.path });
    expect(stderr).toMatch(/link is the same place as another destination of this plan/);
    // Like any destination that cannot be used, and both are required.
    expect(exitCode).toBe(2);
  } finally {
    place.remove();
  }
});
