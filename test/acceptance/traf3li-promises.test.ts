/** What traf3li expects of each dump of its database: every threshold at one below and one above. */
import { describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { doctorLater, lowAndHigh, tooOld } from './support/overlay.ts';

describe('traf3li in numbers', () => {
  // How long it takes is asked by two tests alone: a machine that stands still for a second must not fail the others.
  const calm = { SLEEP: '1.5', BACKUP_SLOWEST: '10000%' };
  const { low, high, apply } = lowAndHigh('plans/traf3li.yaml', 'mongodb', ['redis'], calm);

  it.each([
    ['a dump of less than half the usual', low, 499_999, 1],
    ['a dump of half the usual', low, 500_000, 0],
    ['a dump of more than twice the usual', high, 2_000_001, 1],
    ['a dump of twice the usual', high, 2_000_000, 0],
  ])('%s', async (_, file, bytes, exitCode) => {
    const done = await apply(file, bytes);
    expect(done, done.stderr).toMatchObject({ exitCode });
  });

  it.each([
    ['a dump of one byte too many', 1_500_001, 1],
    ['a dump of as many bytes as there may be', 1_500_000, 0],
  ])('%s', async (_, bytes, exitCode) => {
    const done = await apply(high, bytes, { BACKUP_MAX_FILE_SIZE: '1500000B' });
    expect(done, done.stderr).toMatchObject({ exitCode });
  });

  it.each([
    ['a dump that takes more than three times as long as usual', '15', 1],
    ['a dump that takes as long as usual', '1.5', 0],
  ])('%s', async (_, SLEEP, exitCode) => {
    const done = await apply(high, 1_500_000, { SLEEP, BACKUP_SLOWEST: '300%' });
    expect(done, done.stderr).toMatchObject({ exitCode });
  });

  it.skipIf(!has('faketime'))('a dump that is 25 hours old is told, and one that is younger is not', async () => {
    expect(await doctorLater(low, '+89400s')).not.toContain(tooOld);
    expect(await doctorLater(low, '+90001s')).toContain(tooOld);
  });
});
