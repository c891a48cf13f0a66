import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe.skipIf(!can)('azure is told', () => {
  it('the tier of what is written', async () => {
    const destination = await opened(await server.bucket(), { tier: 'Cool' });
    await destination.write('small', Buffer.from('x'));
    expect(await destination.stat('small')).toMatchObject({ class: 'Cool' });
    await destination.close();
  });

  it('nothing that a person would not copy: the line to fetch by hand names account, container and blob', () => {
    const spec = { type: 'azure', account: 'acme', container: 'shop', prefix: 'p' } as AzureSpec;
    expect(azure.fetch(spec, 'k/file')).toBe(
      'az storage blob download --account-name acme --container-name shop --name p/k/file --file file',
    );
    expect(azure.describe(spec)).toBe('https://acme.blob.core.windows.net/shop/p');
  });
});
