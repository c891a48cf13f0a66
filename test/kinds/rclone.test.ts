import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe } from 'vitest';
import type { Destination } from '../../src/destination.ts';
import { type RcloneSpec, rclone } from '../../src/destinations/rclone/index.ts';
import { destinationContract } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';

const made: string[] = [];

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runner-rclone-test-'));
  made.push(path);
  return path;
}

afterEach(async () => {
  for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
});

const opened = (spec: Omit<RcloneSpec, 'type'>): Promise<Destination> =>
  rclone.open('remote', { type: 'rclone', ...spec } as RcloneSpec, opening());

describe.skipIf(!has('rclone'))('rclone', () => {
  destinationContract('rclone', async () => {
    const path = await folder();
    return {
      open: () => opened({ options: { type: 'local' }, path }),
      objects: 300,
      refuses: (key) => /\p{Cc}/u.test(key),
      end: async () => {},
    };
  });
});
