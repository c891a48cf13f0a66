import { describe, expect, it } from 'vitest';
import { xz } from '../../src/transforms/xz/index.ts';
import { describeTransform } from '../contracts/describe.ts';
import { has } from '../helpers/programs.ts';

describe.skipIf(!has('xz'))('with xz', () =>
  describeTransform('xz', () => ({ kind: xz, spec: { level: 1 }, changed: { level: 0 }, findsFlips: true })),
);

describe('xz', () => {
  const nothing = { programs: {} };

  it('takes the level of the plan, 0 too, 6 without one', () => {
    expect(xz.forward({ level: 0 }, nothing, null).command.argv).toContain('-0');
    expect(xz.forward({}, nothing, null).command.argv).toContain('-6');
  });

  it('is refused with a sentence where xz is missing', () => {
    const [requirement] = xz.requirements({}, 'inverse', nothing);
    expect(requirement).toMatchObject({ need: 'program', program: 'xz', why: 'it was compressed with xz' });
  });
});
