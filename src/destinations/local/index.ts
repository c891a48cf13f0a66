/** A folder on this machine, on a disk or on a file system that is mounted. */

import type { DestinationKind } from '../../destination.ts';
import type { Requirement } from '../../graph.ts';
import { shellWord } from '../../shell.ts';
import { parseDuration, parseSize, seconds } from '../../units.ts';
import { openAway } from './away.ts';
import { networkType } from './network.ts';
import { openLocal } from './store.ts';

export type LocalSpec = {
  path: string;
  mount?: 'required';
  /** Octal texts; default `"0600"` and `"0700"`. */
  modes?: { files?: string; directories?: string };
  'min-free'?: string;
  /** A duration; default `2m`. */
  timeout?: string;
};

export const local: DestinationKind<LocalSpec> = {
  role: 'destination',
  type: 'local',

  requirements(name: string, spec: LocalSpec): Requirement[] {
    const minimumFree = spec['min-free'] === undefined ? null : parseSize(spec['min-free']);
    const why = `backups are written below ${spec.path}`;
    return [{ need: 'destination', destination: name, why, ...(minimumFree === null ? {} : { minimumFree }) }];
  },

  describe: (spec: LocalSpec) => spec.path,

  fetch: (spec: LocalSpec, key: string) => `cp ${shellWord(`${spec.path.replace(/\/+$/, '')}/${key}`)} .`,

  open: async (name: string, spec: LocalSpec) => {
    const options = {
      root: spec.path,
      mountRequired: spec.mount === 'required',
      fileMode: Number.parseInt(spec.modes?.files ?? '0600', 8),
      directoryMode: Number.parseInt(spec.modes?.directories ?? '0700', 8),
    };
    const type = networkType(spec.path);
    if (type === null) return openLocal(name, options);
    return openAway(name, options, type, seconds(parseDuration(spec.timeout ?? '2m')!));
  },
};
