import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

const plan = `version: 1
name: p
objectives: { copies: 2 }
destinations:
  disk: { type: local, path: disk }
  nas: { type: local, path: nas, off-site: true }
backups:
  b:
    source: { type: files, base: data, paths: ["*.txt"] }
    destinations: [disk, { nas: { tiers: [monthly] } }]
    retention: { monthly: 3 }
    allow: { unencrypted-copy: "it is public", no-restore-test: "by hand" }
    hooks:
      before: [{ run: [sh, -c, 'echo "$$HOME $\${NOT_SET-none} $$$$" 5$$'] }]
`;

describe('runner config', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  const run = (...words: string[]) => runner(words, { cwd: place.path });

  beforeEach(() => {
    place = temporaryDirectory();
    mkdirSync(join(place.path, 'data'));
    writeFileSync(join(place.path, 'data', 'a.txt'), 'a\n');
    writeFileSync(join(place.path, 'plan.yaml'), plan);
  });
  afterEach(() => place.remove());

  it.each([[[]], [['--json']]])(
    'writes a dollar sign so that the plan is read again as the same one %j',
    async (as) => {
      const { stdout } = await run('config', 'plan.yaml', ...as);
      writeFileSync(join(place.path, 'again.yaml'), stdout);
      const [first, second] = await Promise.all([run('plan', 'plan.yaml'), run('plan', 'again.yaml')]);
      expect(first.stdout).toContain(`'echo "$HOME $\{NOT_SET-none} $$" 5$'`);
      expect(second).toEqual(first);
    },
  );

  it('promises no copy at a destination that takes only some backups', async () => {
    const { stdout } = await run('config', 'plan.yaml', '--promises', '--json');
    expect(JSON.parse(stdout).backups[0]).toMatchObject({ copies: 2, offSite: 0 });
  });
});
