/** A hash taken on the way, of a kind that the store gives too. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export type Digest = { update(bytes: Uint8Array): void; hex(): string };

/** What rclone calls a hash, by what it costs here. */
const kinds = ['sha1', 'md5', 'sha256', 'crc32'] as const;

export type HashKind = (typeof kinds)[number];

/** The kind that is taken where a store gives several; null where it gives none that we know. */
export function chosenHash(offered: readonly string[]): HashKind | null {
  return kinds.find((kind) => offered.includes(kind)) ?? null;
}

export function digestOf(kind: HashKind): Digest {
  if (kind === 'crc32') {
    let sum = 0;
    return {
      update: (bytes) => {
        sum = crc32(bytes, sum);
      },
      hex: () => sum.toString(16).padStart(8, '0'),
    };
  }
  const hash = createHash(kind);
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}
