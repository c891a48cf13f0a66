import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

/** Node's recursive mkdir never ends below a folder that takes no other; each of these once kept a core busy for ever. */
describe('a folder that cannot be made', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  const plan = (path: string) => {
    writeFileSync(join(place.path, 'data.txt'), 'data\n');
    const source = 'source: { type: files, paths: [data.txt] }';
    const lines = ['version: 1', 'name: p', 'backups:', '  b:', `    ${source}`];
    lines.push(`    destinations: [{ type: local, path: ${path} }]`);
    writeFileSync(join(place.path, 'plan.yaml'), `${lines.join('\n')}\n`);
  };
  const apply = (...words: string[]) => runner(['apply', 'plan.yaml', ...words], { cwd: place.path });

  beforeEach(() => {
    place = temporaryDirectory();
    symlinkSync(join(place.path, 'gone'), join(place.path, 'dangling'));
  });
  afterEach(() => place.remove());

  it.skipIf(process.platform !== 'linux')('below /proc is refused as a log directory', async () => {
    plan('backups');
    const { exitCode, stderr } = await apply('--log-dir', '/proc/nowhere/logs');
    expect(stderr).toContain('the log directory /proc/nowhere/logs cannot be made');
    expect(exitCode).toBe(4);
  });

  it('below a link that leads nowhere is refused as a log directory', async () => {
    plan('backups');
    const { exitCode, stderr } = await apply('--log-dir', 'dangling/logs/a');
    expect(stderr).toContain('the log directory dangling/logs/a cannot be made');
    expect(exitCode).toBe(4);
  });

  it.each(['/proc/nowhere/backups', 'dangling/backups'])('at %s fails the backup', async (path) => {
    plan(path);
    const { exitCode, stderr } = await apply();
    expect(stderr).toContain(path);
    expect(exitCode).toBe(2);
  });

  it('below a link that leads nowhere is no place to restore to', async () => {
    plan('backups');
    await apply();
    const { exitCode, stderr } = await runner(['restore', 'plan.yaml', 'b', '--latest', '--to', 'dangling/a/b'], {
      cwd: place.path,
    });
    expect(stderr).toContain('is no directory');
    expect(exitCode).toBe(4);
  });
});
