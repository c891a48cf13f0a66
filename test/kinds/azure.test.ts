import { afterAll, beforeAll, describe } from 'vitest';
import { type AzureSpec, azure } from '../../src/destinations/azure/index.ts';
import { destinationContract } from '../contracts/destination.ts';
import { azureKey, type Emulator, hasAzure, startAzure } from '../helpers/emulators.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';

let server: Emulator;
const can = has('rclone') && hasAzure();
beforeAll(async () => {
  if (can) server = await startAzure();
});
afterAll(() => server?.stop());

const opened = (container: string, more: object = {}) =>
  azure.open(
    'cloud',
    { ...server.spec(container), key: { secret: 'key' }, ...more } as unknown as AzureSpec,
    opening({ key: azureKey }),
  );

describe.skipIf(!can)('azure', () => {
  destinationContract('azure', async () => {
    const container = await server.bucket();
    const refuses = (key: string) => /\p{Cc}/u.test(key);
    return { open: () => opened(container, { prefix: 'some/prefix' }), objects: 300, refuses, end: async () => {} };
  });
});
