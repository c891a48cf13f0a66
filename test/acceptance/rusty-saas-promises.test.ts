/** What rusty-saas promises in numbers: each threshold at one below and one above, and what its retentions keep. */
import { describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { doctorLater, lowAndHigh, tooOld } from './support/overlay.ts';
import { succeed } from './support/shell.ts';

const others = ['configuration', 'configuration-history', 'app-data', 'logs', 'security-logs'];

describe('rusty-saas in numbers', () => {
  const { low, high, apply } = lowAndHigh('plans/rusty-saas.yaml', 'database', others);

  it.each([
    ['less than half the usual', low, 499_999, 1],
    ['half the usual', low, 500_000, 0],
    ['more than half again', high, 1_500_001, 1],
    ['half again', high, 1_500_000, 0],
  ])('%s', async (_, file, bytes, exitCode) => {
    const done = await apply(file, bytes);
    expect(done, done.stderr).toMatchObject({ exitCode });
  });

  it.each([
    ['longer than it may take', '3', '3s', 1],
    ['as long as it may take', '0', '60s', 0],
  ])('%s', async (_, SLEEP, most, exitCode) => {
    const done = await apply(high, 1_250_000, { SLEEP, RUSTY_SAAS_MAX_DURATION: most });
    expect(done, done.stderr).toMatchObject({ exitCode });
  });

  it.skipIf(!has('faketime'))('a backup that is 24 hours old is told, and one that is younger is not', async () => {
    expect(await doctorLater(low, '+85800s')).not.toContain(tooOld);
    expect(await doctorLater(low, '+86401s')).toContain(tooOld);
  });

  it.each([
    ['30 days of the database', 'database', 'main', { daily: 30, recent: 21 }],
    ['7 days at the folder', 'database', 'disk', { recent: 28 }],
    ['90 days of the configuration', 'configuration', 'main', { daily: 90, recent: 0 }],
    ['30 days of logs', 'logs', 'main', { daily: 30, recent: 161 }],
    ['a year of security logs', 'security-logs', 'second', { daily: expect.toBeOneOf([365, 366]), recent: 0 }],
  ])('keeps %s', async (_, backup, from, counts) => {
    const said = await succeed(
      `runner retention plans/rusty-saas.yaml ${backup} --simulate 2y --from ${from} --json`,
      {},
    );
    expect(JSON.parse(said).counts).toEqual(counts);
  });

  it('what each backup promises', async () => {
    const rows = (await succeed('runner config plans/rusty-saas.yaml --promises', {})).split('\n');
    const told = Object.fromEntries(
      rows.map((row) => row.split(/ {2,}/)).map(([name, rpo, rto]) => [name, `${rpo} ${rto}`]),
    );
    expect(told).toMatchObject({
      database: '6h 1h',
      configuration: '24h 1h',
      'app-data': '- 4h',
      logs: '1h 24h',
      'security-logs': '- 72h',
    });
  });
});
