import { describe, expect, it } from 'vitest';
import { zstd } from '../../src/transforms/zstd/index.ts';
import { describeTransform } from '../contracts/describe.ts';
import { has } from '../helpers/programs.ts';

describe.skipIf(!has('zstd'))('with zstd', () =>
  describeTransform('zstd', () => ({ kind: zstd, spec: {}, changed: { level: 19 }, findsFlips: true })),
);

describe('zstd', () => {
  const nothing = { programs: {} };

  it('takes the level of the plan, 3 without one', () => {
    expect(zstd.forward({ level: 12 }, nothing, null).command.argv).toContain('-12');
    expect(zstd.forward({}, nothing, null).command.argv).toContain('-3');
  });

  it('is refused with a sentence where zstd is missing', () => {
    expect(zstd.requirements({}, 'forward', nothing)).toEqual([
      {
        need: 'program',
        program: 'zstd',
        why: 'it compresses with zstd',
        hint: 'apt-get install zstd, or: brew install zstd',
      },
    ]);
  });
});
