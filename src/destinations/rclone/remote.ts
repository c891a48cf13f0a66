/** What rclone is given to reach a store: everything secret in its environment or in a private file, nothing in its arguments. */
import type { Opening } from '../../destination.ts';

/** A store as rclone knows it, with the values of its secrets. */
export type Remote = {
  /** `nas:backups`: keys lie below it. */
  root: string;
  /** What a sentence calls it: `bucket "acme-backups"`. */
  place: string;
  /** Variables of rclone alone: how it reaches the store, with secrets. */
  environment: Record<string, string>;
  /** The text of a configuration that is no file; it is written into a private one. */
  config?: string;
  flags: readonly string[];
  /** True where a bucket that is not there is a mistake, and not made: old rclones make it unasked. */
  mustExist?: true;
  /** Variables that fit an upload of so many bytes (null: nobody knows). */
  forUpload?(expected: number | null): Record<string, string>;
};

/** The name of a remote that stands in no configuration. */
export const inlineName = 'runner';

/** Options of the inline remote as rclone reads them from its environment. */
export function inlineRemote(options: Record<string, string | undefined>): Record<string, string> {
  const given = Object.entries(options).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [variableOf(inlineName, key), value]));
}

function variableOf(remote: string, key: string): string {
  return `RCLONE_CONFIG_${remote.toUpperCase()}_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** Where keys lie: a remote, and a path of which slashes at its ends mean nothing but the first of an absolute one. */
export function rootOf(remote: string, path = ''): string {
  return `${remote}:${path.replace(/(?<=[^/])\/+$/, '')}`;
}

/** The same with a key behind it. */
export function below(root: string, key: string): string {
  return root.endsWith(':') || root.endsWith('/') ? `${root}${key}` : `${root}/${key}`;
}

/**
 * What rclone and the libraries in it read from the runner's environment: where programs, homes, proxies and the credentials of
 * clouds are. Its own variables are left out but for remotes and configurations: a forgotten RCLONE_DRY_RUN or RCLONE_EXCLUDE
 * would change what a backup is.
 */
const passed =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|TZ|XDG_.+|SSH_.+|SSL_CERT_.+|KRB5.+|(https?|no|all)_proxy|(AWS|GOOGLE|GCE|CLOUDSDK|AZURE|MSI|IDENTITY|OS|ST|B2|OCI)_.+|RCLONE_CONFIG(_.+)?|RCLONE_PASSWORD_COMMAND)$/i;

/** The environment of every rclone that serves this store. */
export function environmentOf(remote: Remote, configFile: string | null, from: Opening['environment']) {
  const own = Object.entries(from).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && passed.test(entry[0]),
  );
  return {
    ...Object.fromEntries(own),
    LC_ALL: 'C',
    RCLONE_ASK_PASSWORD: 'false',
    // Else the time of an object may cost a request of its own, and is what its writer's clock said.
    RCLONE_USE_SERVER_MODTIME: 'true',
    RCLONE_STATS: '0',
    // As long as a run can wait for a store that is down; `flags` come after these.
    RCLONE_CONTIMEOUT: '15s',
    RCLONE_LOW_LEVEL_RETRIES: '5',
    ...(configFile === null ? {} : { RCLONE_CONFIG: configFile }),
    ...remote.environment,
  };
}
