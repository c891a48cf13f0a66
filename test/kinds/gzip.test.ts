import { describe, expect, it } from 'vitest';
import { gzip } from '../../src/transforms/gzip/index.ts';
import { describeTransform } from '../contracts/describe.ts';
import { has } from '../helpers/programs.ts';

const base = { kind: gzip, spec: { level: 3 }, changed: { level: 9 }, findsFlips: true };

describe.skipIf(!has('pigz', 'gzip'))('with pigz', () => describeTransform('gzip', () => base));
describe.skipIf(!has('gzip'))('with gzip alone', () =>
  describeTransform('gzip', () => ({ ...base, without: ['pigz'] })),
);
describe.skipIf(!has('pigz', 'gzip'))('with pigz alone', () =>
  describeTransform('gzip', () => ({ ...base, without: ['gzip'] })),
);
describe("with Node's own zlib", () => describeTransform('gzip', () => ({ ...base, without: ['gzip', 'pigz'] })));

const found = (...names: string[]) => ({
  programs: Object.fromEntries(names.map((name) => [name, { path: `/usr/bin/${name}`, version: '' }])),
});

describe('gzip', () => {
  it('takes the level of the plan, 6 without one', () => {
    expect(gzip.forward({ level: 9 }, found('pigz', 'gzip'), null).command.argv).toEqual(['pigz', '-9', '-n', '-c']);
    expect(gzip.forward({}, found('gzip'), null).command.argv).toEqual(['gzip', '-6', '-n', '-c']);
    expect(gzip.forward({}, found(), null).command.argv).toEqual(['runner-builtin', 'gzip', '--level', '6']);
  });
});
