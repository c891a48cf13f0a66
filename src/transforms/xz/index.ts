import type { TransformKind } from '../../kind.ts';
import type { TransformXz as XzSpec } from '../../plan/generated/types.ts';
import { requireProgram } from '../require-program.ts';

const defaultLevel = 6;

export const xz: TransformKind<XzSpec> = {
  role: 'transform',
  type: 'xz',
  extension: '.xz',
  encrypts: false,
  compresses: true,
  programs: () => ['xz'],
  requirements: (_spec, direction) => [
    requireProgram('xz', direction === 'forward' ? 'it compresses with xz' : 'it was compressed with xz', {
      debian: 'xz-utils',
      brew: 'xz',
    }),
  ],
  // `-Q`: that it takes fewer threads where memory is short is no failure.
  forward: (spec) => ({ command: { argv: ['xz', `-${spec.level ?? defaultLevel}`, '-T0', '-q', '-Q', '-c'] } }),
  inverse: () => ({ command: { argv: ['xz', '-d', '-c'] } }),
  record: () => ({ type: 'xz', extension: '.xz', parameters: {} }),
  keys: () => [],
  manual: () => 'xz -d -c',
};
