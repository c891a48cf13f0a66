/** Node ends with 0 as soon as nothing is left that could happen: a command that was still waiting must not look like a success. */
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { has, programAt } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory('runner-never-');
});
afterEach(() => place.remove());
const at = (...names: string[]) => join(place.path, ...names);

function writePlan(): void {
  const store = { type: 'rclone', options: { type: 'local' }, path: at('store') };
  const data = { source: { type: 'files', paths: ['plan.yaml'] }, destinations: ['store'] };
  const plan = { version: 1, name: 'shop', destinations: { store }, backups: { data } };
  writeFileSync(at('plan.yaml'), JSON.stringify(plan));
}

describe.skipIf(!has('rclone'))('what never ends', () => {
  it('is exit 3 and not 0', async () => {
    writePlan();
    const never = `import fs from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module';
      fs.mkdtemp = () => new Promise(() => {}); syncBuiltinESMExports();`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(never)}` };
    const { exitCode, stderr } = await runner(['apply', 'plan.yaml'], { cwd: place.path, env });
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('the command had not ended')]);
  });

  it('is not an rclone behind a script of that name', async () => {
    const wrapper = at('rclone');
    writeFileSync(wrapper, `#!/bin/sh\n${programAt('rclone')} "$@"\nexit $?\n`);
    chmodSync(wrapper, 0o755);
    writePlan();
    const env = { PATH: `${place.path}:${process.env.PATH}` };
    const { exitCode, stdout, stderr } = await runner(['apply', 'plan.yaml'], { cwd: place.path, env });
    expect([exitCode, stdout], stderr).toEqual([0, expect.stringMatching(/^data +ok/)]);
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(at('store'));
  });
});
