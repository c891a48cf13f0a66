/** An index that is not whole: another host writes it now, or it is damaged. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { Feed } from '../../../src/destinations/restic/feed.ts';
import { Program } from '../../../src/destinations/restic/program.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';

/** A restic that finds its index cut, and notes each time that it is started. */
function cut(): { program: Program; starts(): number; remove(): void } {
  const { path, remove } = temporaryDirectory();
  const log = join(path, 'log');
  const says = 'Fatal: load <index/50c80b1cf4>: invalid data returned';
  writeFileSync(join(path, 'restic'), `#!/bin/sh\necho x >>'${log}'\necho '${says}' >&2\nexit 1\n`, { mode: 0o755 });
  const environment = { PATH: `${path}:${process.env.PATH}` };
  const options = {
    name: 'deep',
    repository: '/r',
    environment,
    secrets: [],
    words: [],
    initialize: false,
    patience: 0,
  };
  const starts = () => (existsSync(log) ? readFileSync(log, 'utf8').length / 2 : 0);
  return { program: new Program(execa, options), starts, remove };
}

it('is looked at again for some seconds, and at once called damage where it has stayed', async () => {
  const { program, starts, remove } = cut();
  const list = () => program.run(['snapshots'], { doing: 'list' });
  await expect(list()).rejects.toThrow('invalid data returned');
  expect(starts()).toBe(5);
  await expect(list()).rejects.toThrow('invalid data returned');
  expect(starts()).toBe(6);
  remove();
});

it('starts no other restic for a stream that was stopped meanwhile', async () => {
  const { program, starts, remove } = cut();
  const feed = new Feed(program, [], 'key');
  const written = expect(feed.write([Buffer.alloc(1_000_000)])).rejects.toThrow();
  while (starts() === 0) await sleep(10);
  // It has ended, and the next one is not started before a quarter of a second.
  await sleep(150);
  await feed.stop();
  await written;
  expect(starts()).toBe(1);
  remove();
});
