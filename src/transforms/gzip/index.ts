import type { Command } from '../../command.ts';
import type { Facts, TransformKind } from '../../kind.ts';
import type { TransformGzip as GzipSpec } from '../../plan/generated/types.ts';

const defaultLevel = 6;

/** pigz uses all cores; where neither it nor gzip is installed, Node's own zlib serves. */
function compress(level: number, facts: Facts): Command {
  if (facts.programs.pigz) return { argv: ['pigz', `-${level}`, '-n', '-c'] };
  if (facts.programs.gzip) return { argv: ['gzip', `-${level}`, '-n', '-c'] };
  return { argv: ['runner-builtin', 'gzip', '--level', String(level)] };
}

/** gzip before pigz: only compression gains from more cores. */
function decompress(facts: Facts): Command {
  if (facts.programs.gzip) return { argv: ['gzip', '-d', '-c'] };
  if (facts.programs.pigz) return { argv: ['pigz', '-d', '-c'] };
  return { argv: ['runner-builtin', 'gunzip'] };
}

export const gzip: TransformKind<GzipSpec> = {
  role: 'transform',
  type: 'gzip',
  extension: '.gz',
  encrypts: false,
  compresses: true,
  programs: () => ['gzip', 'pigz'],
  requirements: () => [],
  forward: (spec, facts) => ({ command: compress(spec.level ?? defaultLevel, facts) }),
  inverse: (_spec, _record, facts) => ({ command: decompress(facts) }),
  record: () => ({ type: 'gzip', extension: '.gz', parameters: {} }),
  keys: () => [],
  manual: () => 'gzip -d -c',
};
