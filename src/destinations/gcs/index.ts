/** Google Cloud Storage, by rclone. */
import type { DestinationKind, Opening } from '../../destination.ts';
import type { DestinationGcs } from '../../plan/generated/types.ts';
import { shellWord } from '../../shell.ts';
import { below, inlineName, inlineRemote, type Remote, rootOf } from '../rclone/remote.ts';
import { requirementsOf } from '../rclone/requirements.ts';
import { openRclone } from '../rclone/store.ts';

export type GcsSpec = DestinationGcs;

const folderOf = ({ bucket, prefix = '' }: GcsSpec) => `${bucket}/${prefix.replace(/^\/+/, '')}`.replace(/\/+$/, '');

export const gcs: DestinationKind<GcsSpec> = {
  role: 'destination',
  type: 'gcs',

  requirements(name, spec) {
    const { credentials } = spec;
    const file = typeof credentials === 'string' ? credentials : null;
    return [
      ...requirementsOf(name, this.describe(spec), spec, typeof credentials === 'object' ? [credentials.secret] : []),
      ...(file === null
        ? []
        : [{ need: 'path' as const, path: file, what: 'file' as const, why: 'it is the key of the service account' }]),
    ];
  },

  describe: (spec) => `gs://${folderOf(spec)}`,

  fetch: (spec, key) => `gcloud storage cp ${shellWord(below(`gs://${folderOf(spec)}`, key))} .`,

  open: async (name, spec, opening) => openRclone(name, await remoteOf(spec, opening), opening),
};

async function remoteOf(spec: GcsSpec, opening: Opening): Promise<Remote> {
  const { credentials } = spec;
  const text = typeof credentials === 'object' ? await opening.readSecret(credentials.secret) : undefined;
  return {
    root: rootOf(inlineName, folderOf(spec)),
    place: gcs.describe(spec),
    flags: spec.flags ?? [],
    mustExist: true,
    environment: {
      RCLONE_CONFIG: '/notfound',
      ...inlineRemote({
        type: 'google cloud storage',
        service_account_credentials: text,
        service_account_file: typeof credentials === 'string' ? credentials : undefined,
        // Without a key: those of the environment, of gcloud, or of the machine. Old rclones do so unasked.
        env_auth: credentials === undefined && !spec.anonymous ? 'true' : undefined,
        anonymous: spec.anonymous ? 'true' : undefined,
        endpoint: spec.endpoint,
        no_check_bucket: 'true',
        // Rights are the bucket's: one that rules them uniformly refuses objects with rights of their own.
        bucket_policy_only: 'true',
      }),
    },
  };
}
