import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AzureSpec, azure } from '../../src/destinations/azure/index.ts';
import { type Bench, destinationContract, type Network } from '../contracts/destination.ts';
import { faultProxy } from '../fakes/fault-proxy.ts';
import { azureAccount, azureKey, azureSas, type Emulator, hasAzure, startAzure } from '../helpers/emulators.ts';
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
  const contract = async (): Promise<Bench> => {
    const container = await server.bucket();
    const refuses = (key: string) => /\p{Cc}/u.test(key);
    const prefix = 'some/prefix';
    const allowed = (permissions: string) => () =>
      azure.open(
        'cloud',
        { ...server.spec(container), sas: { secret: 'sas' }, prefix } as unknown as AzureSpec,
        opening({ sas: azureSas(container, permissions) }),
      );
    // Who may not list or read is told so when it is opened.
    const denied = { write: allowed('rdl'), remove: allowed('racwl') };
    const proxy = await faultProxy({ port: server.port });
    const endpoint = `http://127.0.0.1:${proxy.port}/${azureAccount}`;
    const network: Network = {
      // A third try is as good as rclone's tenth.
      open: () => opened(container, { prefix, endpoint, flags: ['--timeout=5s', '--low-level-retries=3'] }),
      set: (fault) => {
        proxy.set(fault);
        if (fault === null) proxy.drop();
      },
      patience: 180_000,
    };
    return {
      open: () => opened(container, { prefix }),
      objects: 300,
      refuses,
      denied,
      network,
      end: () => proxy.end(),
    };
  };
  destinationContract('azure', contract, { concurrent: true });
});

describe.skipIf(!can)('azure is told', () => {
  it('what each of many writes at once: who loses deletes nothing of who wins', async () => {
    const container = await server.bucket();
    const handles = [await opened(container), await opened(container)];
    for (let round = 0; round < 12; round += 1) {
      const writes = Array.from({ length: 20 }, (_, index) =>
        handles[index % 2]!.write(`race-${round}`, Buffer.from(`${index}`)),
      );
      await Promise.allSettled(writes);
      expect(String(await handles[0]!.read(`race-${round}`, 10))).toMatch(/^\d+$/);
    }
    for (const handle of handles) await handle.close();
  });

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
