import type { TransformGpg as GpgSpec } from '../../plan/generated/types.ts';

export const isFile = (key: string) => key.startsWith('/');
export const isSymmetric = (spec: GpgSpec) => !spec.recipients;

/** What a key file says of itself. `expires` is RFC 3339; absent: never. */
export type KeyFacts = { file: string; fingerprint: string; users: string[]; expires?: string };
