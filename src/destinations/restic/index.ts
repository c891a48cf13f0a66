/** A restic repository: what is the same in many backups is stored once, sealed with the repository's password. */

import { join } from 'node:path';
import type { Destination, DestinationKind, Opening } from '../../destination.ts';
import type { Requirement } from '../../graph.ts';
import { shellWord } from '../../shell.ts';
import { parseDuration, parseSize, seconds } from '../../units.ts';
import { fileOf } from '../keys.ts';
import { Program } from './program.ts';
import { Repository } from './repository.ts';
import { ResticStore } from './store.ts';

type Secret = { secret: string };

export type ResticSpec = {
  repository: string;
  password: Secret;
  environment?: Record<string, string | Secret>;
  initialize?: boolean;
  prune?: 'after-forget' | 'never';
  'read-data-subset'?: string;
  'retry-lock'?: string;
  cache?: string;
  'min-free'?: string;
};

export const restic: DestinationKind<ResticSpec> = {
  role: 'destination',
  type: 'restic',
  encrypts: () => true,
  deduplicates: true,

  requirements(name: string, spec: ResticSpec): Requirement[] {
    const why = `backups are kept in the restic repository ${shown(spec)}`;
    const minimumFree = spec['min-free'] === undefined ? null : parseSize(spec['min-free']);
    return [
      { need: 'program', program: 'restic', why, hint: 'install restic 0.14 or newer (restic.net)' },
      { need: 'secret', secret: spec.password.secret, why: `it opens the repository ${shown(spec)}` },
      { need: 'destination', destination: name, why, ...(minimumFree === null ? {} : { minimumFree }) },
    ];
  },

  describe: shown,

  fetch(spec: ResticSpec, key: string): string {
    const file = fileOf(key);
    const path = shellWord(`/${key}`);
    return `restic -r ${shellWord(shown(spec))} dump --path ${path} latest ${path} > ${shellWord(file)}`;
  },

  open: async (name: string, spec: ResticSpec, opening: Opening): Promise<Destination> => {
    const { execa } = await import('execa');
    const secrets: string[] = [];
    const program = new Program(execa, {
      name,
      repository: shown(spec),
      environment: await environmentOf(spec, opening, secrets),
      secrets,
      words: spec.cache === undefined ? [] : ['--cache-dir', spec.cache],
      initialize: spec.initialize ?? false,
      patience: seconds(parseDuration(spec['retry-lock'] ?? '5m')!),
    });
    return new ResticStore(new Repository(program, folderOf(spec)), {
      prune: spec.prune !== 'never',
      readDataSubset: spec['read-data-subset'] ?? null,
    });
  },
};

/** What restic, and what it starts (ssh, rclone), needs of ours; everything else is the plan's to say. */
const passed = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'SSH_AUTH_SOCK'],
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
  ],
];

/** The variables of the child; values that are secret are added to `secrets`. */
async function environmentOf(
  spec: ResticSpec,
  { environment, readSecret }: Opening,
  secrets: string[],
): Promise<Record<string, string>> {
  const read = async ({ secret }: Secret): Promise<string> => {
    const value = await readSecret(secret);
    // What is shorter stands in many a message by chance.
    if (value.length >= 4) secrets.push(value);
    return value;
  };
  const given: Record<string, string> = { LC_ALL: 'C' };
  for (const name of passed) if (environment[name] !== undefined) given[name] = environment[name];
  for (const [name, value] of Object.entries(spec.environment ?? {}))
    given[name] = typeof value === 'string' ? value : await read(value);
  const [inside] = /(?<=\/\/[^/@]*:)[^/@]+(?=@)/.exec(spec.repository) ?? [];
  if (inside !== undefined) secrets.push(inside);
  return { ...given, RESTIC_REPOSITORY: spec.repository, RESTIC_PASSWORD: await read(spec.password) };
}

/** The repository without the user and password that may stand in its URL. */
function shown({ repository }: ResticSpec): string {
  return repository.replace(/\/\/[^/@]*@/, '//');
}

/** Its folder, where it lies on this machine. */
function folderOf({ repository }: ResticSpec): string | null {
  const path = repository.replace(/^local:/, '');
  return path.startsWith('/') ? join(path) : null;
}
