/** Configuration in a branch of a Git repository: plain files, a commit for each backup. */

import type { DestinationKind, Opening } from '../../destination.ts';
import type { Requirement } from '../../graph.ts';
import { quotedWord } from '../../shell.ts';
import { fileOf } from '../keys.ts';
import { isSsh } from './access.ts';
import { pathOfKey } from './names.ts';
import { folderOf, type GitSpec, stateRef } from './spec.ts';

export type { GitSpec } from './spec.ts';

export const git: DestinationKind<GitSpec> = {
  role: 'destination',
  type: 'git',
  plainTree: true,

  requirements(name: string, spec: GitSpec): Requirement[] {
    const place = describe(spec);
    const overSsh = isSsh(spec.repository);
    const file = (path: string | undefined, why: string): Requirement[] =>
      path === undefined ? [] : [{ need: 'path', path, what: 'file', why }];
    return [
      {
        need: 'program',
        program: 'git',
        why: `backups are committed to ${place}`,
        hint: 'apt-get install git (2.31 or newer)',
      },
      ...(overSsh
        ? [
            {
              need: 'program',
              program: 'ssh',
              why: `${place} is reached by it`,
              hint: 'apt-get install openssh-client',
            } as const,
          ]
        : []),
      ...file(spec.key, 'the server knows it'),
      ...file(spec['known-hosts'], 'the server is known by it'),
      ...(spec.token
        ? [{ need: 'secret', secret: spec.token.secret, why: `${place} wants it`, format: 'line' } as const]
        : []),
      { need: 'destination', destination: name, why: `backups are committed to ${place}` },
    ];
  },

  describe,

  shows: folderOf,

  // Every piece of an artifact is a blob; one after another they are it. What is no artifact is one piece.
  fetch(spec: GitSpec, key: string): string {
    const path = pathOfKey('git', key);
    const file = fileOf(key);
    const places = [`artifacts/${path}/pieces/`, `keys/${path}/`].map(quotedWord).join(' ');
    return [
      'git init -q --bare fetched.git',
      `git -C fetched.git fetch -q ${quotedWord(spec.repository)} ${quotedWord(stateRef(spec))}`,
      `git -C fetched.git ls-tree -r FETCH_HEAD ${places} | cut -f1 | cut -d' ' -f3 | xargs -n 1 git -C fetched.git cat-file blob > ${quotedWord(file)}`,
    ].join(' && ');
  },

  open: async (name: string, spec: GitSpec, opening: Opening) => {
    const { openGit } = await import('./store.ts');
    return await openGit(name, spec, opening);
  },
};

function describe(spec: GitSpec): string {
  const plain = spec.repository.replace(/^([a-z+]+:\/\/[^/@:]*):[^/@]+@/i, '$1@');
  return `${plain} (branch ${spec.branch ?? 'main'})`;
}
