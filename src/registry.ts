/** Every kind that exists, one explicit line each. */

import type { DestinationKind } from './destination.ts';
import { azure } from './destinations/azure/index.ts';
import { gcs } from './destinations/gcs/index.ts';
import { git } from './destinations/git/index.ts';
import { local } from './destinations/local/index.ts';
import { rclone } from './destinations/rclone/index.ts';
import { restic } from './destinations/restic/index.ts';
import { s3 } from './destinations/s3/index.ts';
import { sftp } from './destinations/sftp/index.ts';
import type { SourceKind, TransformKind } from './kind.ts';
import { command } from './sources/command/index.ts';
import { files } from './sources/files/index.ts';
import { mariadb } from './sources/mariadb/index.ts';
import { mongodb } from './sources/mongodb/index.ts';
import { mysql } from './sources/mysql/index.ts';
import { postgres } from './sources/postgres/index.ts';
import { redis } from './sources/redis/index.ts';
import { sqlite } from './sources/sqlite/index.ts';
import { aes } from './transforms/aes/index.ts';
import { age } from './transforms/age/index.ts';
import { gpg } from './transforms/gpg/index.ts';
import { gzip } from './transforms/gzip/index.ts';
import { xz } from './transforms/xz/index.ts';
import { zstd } from './transforms/zstd/index.ts';

/** A kind whose spec has already been validated by the schema of its own `type`. */
export type AnySource = SourceKind<object>;
export type AnyTransform = TransformKind<object>;
export type AnyDestination = DestinationKind<object>;

export const sources: readonly AnySource[] = [sqlite, files, command, postgres, redis, mysql, mariadb, mongodb];
export const transforms: readonly AnyTransform[] = [gzip, zstd, xz, aes, gpg, age];
export const destinations: readonly AnyDestination[] = [local, s3, sftp, git, restic, rclone, gcs, azure];

function byType<Kind extends { type: string }>(role: string, kinds: readonly Kind[]): (type: string) => Kind {
  const index = new Map(kinds.map((kind) => [kind.type, kind]));
  return (type) => {
    const kind = index.get(type);
    if (!kind) throw new Error(`no ${role} kind "${type}" although the plan was validated`);
    return kind;
  };
}

export const findSource = byType('source', sources);
export const findTransform = byType('transform', transforms);
export const findDestination = byType('destination', destinations);
