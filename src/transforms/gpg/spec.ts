import type { TransformGpg as GpgSpec } from '../../plan/generated/types.ts';

export const isFile = (key: string) => key.startsWith('/');
export const isSymmetric = (spec: GpgSpec) => !spec.recipients;

/**
 * What a key file says of itself. `ids` are those of the key and its subkeys (16 hexadecimal digits), by one of which an artifact
 * names it; `expires` is RFC 3339; absent: never.
 */
export type KeyFacts = { file: string; fingerprint: string; ids: string[]; users: string[]; expires?: string };
