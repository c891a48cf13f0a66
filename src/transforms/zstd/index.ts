import type { TransformKind } from '../../kind.ts';
import type { TransformZstd as ZstdSpec } from '../../plan/generated/types.ts';
import { requireProgram } from '../require-program.ts';

const defaultLevel = 3;

export const zstd: TransformKind<ZstdSpec> = {
  role: 'transform',
  type: 'zstd',
  extension: '.zst',
  encrypts: false,
  compresses: true,
  programs: () => ['zstd'],
  requirements: (_spec, direction) => [
    requireProgram('zstd', direction === 'forward' ? 'it compresses with zstd' : 'it was compressed with zstd', {
      debian: 'zstd',
      brew: 'zstd',
    }),
  ],
  // `--check` writes a checksum of the content, so that a flipped bit is found when it is opened.
  forward: (spec) => ({ command: { argv: ['zstd', `-${spec.level ?? defaultLevel}`, '-T0', '--check', '-q', '-c'] } }),
  inverse: () => ({ command: { argv: ['zstd', '-d', '-q', '-c'] } }),
  record: () => ({ type: 'zstd', extension: '.zst', parameters: {} }),
  keys: () => [],
  manual: () => 'zstd -d -c',
};
