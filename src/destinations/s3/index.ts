/** A bucket of AWS S3, or of any server that speaks its protocol. */
import type { DestinationKind } from '../../destination.ts';
import type { Requirement } from '../../graph.ts';
import { shellWord } from '../../shell.ts';
import { parseDuration, parseSize, seconds } from '../../units.ts';
import { openClient, type Patience } from './client.ts';
import { keepingOf } from './keeping.ts';
import { LockStore } from './lock-store.ts';
import { usualConcurrency, usualPart } from './part-size.ts';
import { prefixOf } from './place.ts';
import type { Identity, S3Spec } from './spec.ts';
import { S3Store } from './store.ts';

export type { S3Spec } from './spec.ts';

export const s3: DestinationKind<S3Spec> = {
  role: 'destination',
  type: 's3',

  locks(spec: S3Spec) {
    const length = spec['object-lock']?.for;
    if (length === undefined) return null;
    const duration = parseDuration(length);
    return duration === null ? 'retention' : seconds(duration);
  },

  appendOnly: (spec: S3Spec) => (spec['append-only'] ? (spec['prune-as'] ? 'elsewhere' : 'never') : null),

  requirements: (name: string, spec: S3Spec): Requirement[] => [
    { need: 'destination', destination: name, why: `backups are written to ${urlOf(spec)}` },
  ],

  describe: (spec: S3Spec) => `${urlOf(spec)}${spec.endpoint ? ` at ${plainUrl(spec.endpoint)}` : ''}`,

  fetch(spec: S3Spec, key: string) {
    const options = [
      ...(spec.endpoint ? ['--endpoint-url', shellWord(spec.endpoint)] : []),
      ...(spec.region ? ['--region', shellWord(spec.region)] : []),
      ...(spec.encryption?.type === 'customer' ? ['--sse-c', 'AES256', '--sse-c-key', 'fileb://KEY-FILE'] : []),
    ];
    return ['aws', 's3', 'cp', ...options, shellWord(`${urlOf(spec)}${key}`), '.'].join(' ');
  },

  open: async (name, spec, opening) => await openS3(name, spec, opening),
};

/** One text for one server: two destinations are the same place although one of them ends in a slash, or names the usual port. */
function plainUrl(endpoint: string): string {
  if (!URL.canParse(endpoint)) return endpoint;
  const { origin, pathname } = new URL(endpoint);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
}

/** Opens a bucket; tests have less patience, and smaller pages. */
export async function openS3(
  name: string,
  spec: S3Spec,
  opening: Parameters<typeof s3.open>[2],
  other: { patience?: Partial<Patience>; pageSize?: number } = {},
): Promise<S3Store> {
  const pruner = spec['prune-as'];
  const isPrune = opening.purpose === 'prune' && pruner !== undefined;
  const openAs = (identity: Identity) => openClient(name, spec, identity, opening, other.patience);
  const client = await openAs(isPrune ? pruner : spec);
  const keeping = await keepingOf(name, spec, opening.readSecret);
  const options = {
    spec,
    openPruner: pruner ? () => openAs(pruner) : null,
    partSize: spec['part-size'] === undefined ? usualPart : parseSize(spec['part-size'])!,
    concurrency: spec.concurrency ?? usualConcurrency,
    ...(other.pageSize === undefined ? {} : { pageSize: other.pageSize }),
  };
  const [appendOnly, locks] = [spec['append-only'] ?? false, spec['object-lock'] !== undefined];
  if (!appendOnly && !locks) return new S3Store(client, keeping, options);
  return new LockStore(client, keeping, options, {
    locks,
    deletes: !appendOnly || isPrune,
    sweeps: appendOnly && isPrune,
  });
}

const urlOf = (spec: S3Spec) => `s3://${spec.bucket}/${prefixOf(spec.prefix)}`;
