import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GcsSpec, gcs } from '../../src/destinations/gcs/index.ts';
import { destinationContract } from '../contracts/destination.ts';
import { type Emulator, hasGcs, startGcs } from '../helpers/emulators.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';

let server: Emulator;
const can = has('rclone') && hasGcs();
beforeAll(async () => {
  if (can) server = await startGcs();
});
afterAll(() => server?.stop());

const opened = (bucket: string, more: object = {}) =>
  gcs.open('cloud', { ...server.spec(bucket), ...more } as unknown as GcsSpec, opening());

describe.skipIf(!can)('gcs', () => {
  destinationContract('gcs', async () => {
    const bucket = await server.bucket();
    const refuses = (key: string) => /\p{Cc}/u.test(key);
    return { open: () => opened(bucket, { prefix: 'some/prefix' }), objects: 300, refuses, end: async () => {} };
  });
});

describe.skipIf(!can)('gcs is told', () => {
  it('a key, which it must understand', async () => {
    const spec = { type: 'gcs', bucket: 'acme-backups', credentials: { secret: 'key' } } as GcsSpec;
    await expect(gcs.open('cloud', spec, opening({ key: '{"type":"nothing"}' }))).rejects.toThrow(
      /^Destination cloud: cannot open gs:/,
    );
  });
});
