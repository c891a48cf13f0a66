/** What sv-sdk promises in numbers: each threshold at one below and one above, and what its retention keeps. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { temporaryDirectory } from '../helpers/runner.ts';
import { doctorLater, overlay, tooOld } from './support/overlay.ts';
import { line, succeed } from './support/shell.ts';

describe('sv-sdk in numbers', () => {
  const place = temporaryDirectory('sv-numbers-');
  let file: string;
  beforeAll(() => {
    file = overlay(place.path, 'plans/sv-sdk.yaml', 'database', ['redis', 'configuration', 'files'], ['restore']);
  });
  afterAll(() => place.remove());
  const apply = async (bytes: number) => await line(`runner apply ${file} -q`, { BYTES: String(bytes) });

  it.each([
    ['smaller than a megabyte', 999_999, 1],
    ['a megabyte', 1_000_000, 0],
    ['more than twice the usual', 2_000_001, 1],
    ['twice the usual', 2_000_000, 0],
  ])('%s: %i bytes, exit %i', async (_, bytes, exitCode) => {
    const done = await apply(bytes);
    expect(done, done.stderr).toMatchObject({ exitCode });
  });

  it.skipIf(!has('faketime'))('a backup that is 25 hours old is told, and one that is younger is not', async () => {
    expect(await doctorLater(file, '+89400s')).not.toContain(tooOld);
    expect(await doctorLater(file, '+90001s')).toContain(tooOld);
  });

  it.each([
    ['30 days at the folder', 'sv-sdk.yaml', 'disk', { daily: 30, recent: 21 }],
    [
      '6 hours, 30 days, 1 year, 7 years',
      'sv-sdk.yaml',
      'secondary',
      { monthly: 84, weekly: expect.toBeOneOf([52, 53]), daily: 30, recent: 21 },
    ],
    ['7 days in development', 'sv-sdk/development.yaml', 'disk', { daily: 7, recent: 0 }],
  ])('keeps %s', async (_, plan, from, counts) => {
    const said = await succeed(`runner retention plans/${plan} database --simulate 8y --from ${from} --json`, {});
    const { counts: kept, shelf } = JSON.parse(said) as { counts: object; shelf: { time: string; tiers: string[] }[] };
    expect(kept).toEqual(counts);
    const daily = shelf.filter(({ tiers }) => tiers.includes('daily'));
    expect(new Set(daily.map(({ time }) => time.slice(11, 16)))).toEqual(new Set(['02:00']));
  });

  it('what is reviewed each month', async () => {
    const plan = 'plans/sv-sdk.yaml';
    const promises = (await succeed(`runner config ${plan} --promises`, {})).split('\n');
    expect(promises[1]).toMatch(/^database +5m +1h +5 +2 +2 +7y .* rpo-unreachable: /);
    expect(await succeed(`runner apply ${file} review --yes`, { BYTES: '1' })).toBe('review  ok\n');
  });
});
