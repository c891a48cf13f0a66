/** Azure Blob Storage, by rclone. */
import type { DestinationKind, Opening } from '../../destination.ts';
import type { DestinationAzure } from '../../plan/generated/types.ts';
import { shellWord } from '../../shell.ts';
import { fileOf } from '../keys.ts';
import { inlineName, inlineRemote, type Remote, rootOf } from '../rclone/remote.ts';
import { requirementsOf } from '../rclone/requirements.ts';
import { openRclone } from '../rclone/store.ts';
import { signContainer } from './sas.ts';

export type AzureSpec = DestinationAzure;

const pathOf = ({ prefix = '' }: AzureSpec) => prefix.replace(/^\/+|\/+$/g, '');
const folderOf = (spec: AzureSpec) => [spec.container, pathOf(spec)].filter((part) => part !== '').join('/');
const hostOf = ({ account, endpoint }: AzureSpec) =>
  (endpoint ?? `https://${account}.blob.core.windows.net`).replace(/\/+$/, '');

export const azure: DestinationKind<AzureSpec> = {
  role: 'destination',
  type: 'azure',

  requirements(name, spec) {
    const { key, sas } = spec;
    const secrets = [key, sas].flatMap((one) => (one ? [one.secret] : []));
    return requirementsOf(name, this.describe(spec), spec, secrets);
  },

  describe: (spec) => `${hostOf(spec)}/${folderOf(spec)}`,

  fetch(spec, key) {
    const name = [pathOf(spec), key].filter((part) => part !== '').join('/');
    const words = [
      '--account-name',
      spec.account,
      '--container-name',
      spec.container,
      '--name',
      name,
      '--file',
      fileOf(key),
    ];
    const endpoint = spec.endpoint === undefined ? [] : ['--blob-endpoint', hostOf(spec)];
    return `az storage blob download ${[...words, ...endpoint].map(shellWord).join(' ')}`;
  },

  open: async (name, spec, opening) => openRclone(name, await remoteOf(spec, opening), opening),
};

/** Bytes of a block. Blobs have at most 50,000; four are on their way at a time. */
const smallestBlock = 16 * 1024 * 1024;

async function remoteOf(spec: AzureSpec, opening: Opening): Promise<Remote> {
  const block = (mebibytes: number) => `${mebibytes}Mi`;
  return {
    root: rootOf(inlineName, folderOf(spec)),
    place: azure.describe(spec),
    flags: spec.flags ?? [],
    mustExist: true,
    environment: {
      RCLONE_CONFIG: '/notfound',
      ...inlineRemote({
        type: 'azureblob',
        ...(await accessOf(spec, opening)),
        access_tier: spec.tier,
        no_check_container: 'true',
        upload_concurrency: '4',
        chunk_size: block(smallestBlock / 1024 / 1024),
      }),
    },
    // Twice what is expected must fit, for what grows from one backup to the next.
    forUpload: (expected) => {
      const bytes = Math.max(smallestBlock, Math.ceil((2 * (expected ?? 0)) / 50_000));
      return inlineRemote({ chunk_size: block(Math.ceil(bytes / 1024 / 1024)) });
    },
  };
}

/** How rclone is let in. Old ones know of an endpoint only by the URL of a signature, so one is made of the key. */
async function accessOf(spec: AzureSpec, opening: Opening): Promise<Record<string, string | undefined>> {
  const { account, container, key, sas, endpoint } = spec;
  const signed = (token: string) => ({ sas_url: `${hostOf(spec)}/${container}?${token}` });
  if (sas) {
    const given = await opening.readSecret(sas.secret);
    return signed(given.replace(/^[^?]*\?/, ''));
  }
  if (!key) return { account, env_auth: 'true', endpoint };
  const text = await opening.readSecret(key.secret);
  if (endpoint === undefined) return { account, key: text };
  return signed(signContainer(account, text, container, new Date(Date.now() + 30 * 86_400_000)));
}
