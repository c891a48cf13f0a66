import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

it('a check that the plan asks for from now on does not devalue what was made before', async () => {
  const place = temporaryDirectory();
  const at = (...parts: string[]) => join(place.path, ...parts);
  const apply = () => runner(['apply', 'plan.yaml', '-q'], { cwd: place.path });
  const plan = `version: 1
name: shop
destinations: { disk: { type: local, path: disk }, archive: { type: local, path: archive } }
backups:
  data:
    source: { type: command, run: [cat, data] }
    destinations: [disk, { archive: { tiers: [yearly] } }]
    retention: { last: 3, yearly: 5 }
    expect: { size: { at-least: 50% } }
`;
  try {
    writeFileSync(at('plan.yaml'), plan);
    writeFileSync(at('data'), 'x'.repeat(1000));
    expect((await apply()).exitCode).toBe(0);
    writeFileSync(at('plan.yaml'), `${plan}    verify: [content]\n`);
    writeFileSync(at('data'), 'x'.repeat(10));
    // The year has its backup, and 10 bytes are too few beside it: both are known only from a manifest of the old plan.
    expect(await apply()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('1 % (at least 50 %') });
    const manifests = (root: string) =>
      readdirSync(at(root), { recursive: true, encoding: 'utf8' }).filter((key) => key.endsWith('.manifest.json'));
    expect(manifests('archive')).toHaveLength(1);
    const tiers = manifests('disk').map((key) => JSON.parse(readFileSync(at('disk', key), 'utf8')).tiers);
    expect(tiers.toSorted((left, right) => right.length - left.length)).toEqual([['yearly'], []]);
  } finally {
    place.remove();
  }
});
