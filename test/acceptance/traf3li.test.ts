/** Document 004: the committed plan against a real Redis and a real store, as far as no MongoDB is needed. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { has, programAt } from '../helpers/programs.ts';
import { fill, fingerprint, hasRedis } from '../helpers/redis.ts';
import { hasEngine } from '../helpers/s3-servers.ts';
import { recovery } from './support/page.ts';
import { atTerminal, line } from './support/shell.ts';
import { openTraf3li, type Traf3li } from './support/traf3li.ts';

const plan = 'plans/traf3li.yaml';
const [restoring] = recovery('traf3li').filter((text) => / redis /.test(text)) as [string];

/** The newest time that stands in names. */
const stampOf = (keys: string[]): string =>
  keys
    .map((key) => /\d{8}T\d{6}Z/.exec(key)![0])
    .toSorted()
    .at(-1)!;

describe.skipIf(![hasRedis(), hasEngine('minio'), has('script', 'stty', 'openssl', 'gzip')].every(Boolean))(
  'Traf3li, its cache',
  () => {
    let world: Traf3li;
    let saved: string;
    /** What `doctor` says when all is well. */
    let fine: string;
    const isRight = async () => (await fingerprint(world.redis)) === saved;
    const run = (words: string, env: Record<string, string> = {}) =>
      line(`runner ${words}`, { ...world.environment, ...env });
    const good = async (words: string, env: Record<string, string> = {}) => {
      const done = await run(words, env);
      expect(done, `${words}\n${done.stdout}${done.stderr}`).toMatchObject({ exitCode: 0 });
      return done;
    };
    type Listed = { id: string; size: number; state: string; tiers: string[] };
    const listed = async (backup: string): Promise<Listed[]> =>
      JSON.parse((await good(`list ${plan} ${backup} --json`)).stdout).backups;

    beforeAll(async () => {
      world = await openTraf3li(isRight);
      await fill(world.redis);
      // What cannot be compressed makes each dump of it as long as the one before.
      await world.redis.with((send) => send('SET', 'noise', randomBytes(300_000)));
      saved = await fingerprint(world.redis);
    });
    afterAll(() => world?.end());

    it('saves Redis by BGSAVE into both regions, sealed, under backups/redis/{yyyy}/{mm}', async () => {
      await good(`apply ${plan} redis`);
      const key = /^backups\/redis\/\d{4}\/\d\d\/redis-production-\d{8}T\d{6}Z\.rdb\.gz\.enc$/;
      for (const [bucket, storageClass] of [
        ['traf3li-backups', 'STANDARD'],
        ['traf3li-backups-dr', 'REDUCED_REDUNDANCY'],
      ] as const) {
        const artifacts = (await world.objects(bucket)).filter((one) => key.test(one.key));
        expect(artifacts).toMatchObject([{ storageClass }]);
        expect(await world.head(bucket, artifacts[0]!.key)).toMatchObject({ ServerSideEncryption: 'aws:kms' });
      }
      expect(Number(world.redis.cli('LASTSAVE'))).toBeGreaterThan(0);
    });

    it('is due every six hours and stays for seven days', async () => {
      const { stdout } = await run(`retention ${plan} redis --simulate 30d --json`);
      const { shelf } = JSON.parse(stdout) as { shelf: { time: string }[] };
      const hours = shelf.map(({ time }) => new Date(time).getUTCHours());
      expect(new Set(hours)).toEqual(new Set([0, 6, 12, 18]));
      const times = shelf.map(({ time }) => Date.parse(time));
      expect(Math.max(...times) - Math.min(...times)).toBe(27 * 6 * 3_600_000);
      await good(`apply ${plan} redis --due`);
      expect(await listed('redis')).toHaveLength(1);
    });

    it('shows a restore and does nothing', async () => {
      const shown = await good(`restore ${plan} redis --latest --dry-run`);
      expect(shown.stdout).toContain('systemctl stop -- redis');
      expect(await fingerprint(world.redis)).toBe(saved);
    });

    it.each([
      ['another name', ['staging/redis']],
      ['yes', ['yes']],
      ['the end of input', []],
    ])('leaves everything as it is when %s is typed', async (_, answers) => {
      await world.redis.with((send) => send('SET', 'written', 'since'));
      const before = await fingerprint(world.redis);
      const { stdout, exitCode } = await atTerminal(restoring, answers, world.environment);
      expect(stdout).toContain('nothing was done: production/redis was not typed');
      expect(exitCode).toBe(4);
      expect(await fingerprint(world.redis)).toBe(before);
    });

    it('brings a cache back that was emptied', async () => {
      world.redis.cli('FLUSHALL');
      world.redis.cli('SET', 'written', 'by a person in a hurry');
      expect(await world.application.health()).toBe(503);
      const { stdout, exitCode } = await atTerminal(restoring, ['production/redis'], world.environment);
      expect(exitCode, stdout).toBe(0);
      expect(stdout).toContain('a safety copy of it is kept');
      expect(await fingerprint(world.redis)).toBe(saved);
      expect(await world.application.health()).toBe(200);
      // What was thrown out is in the catalogue too, and no later restore takes it for the newest backup.
      expect(await listed('redis')).toHaveLength(2);
    });

    it('puts the old data back when the application is not well behind it', async () => {
      const before = await fingerprint(world.redis);
      saved = 'what the backup does not hold';
      const done = await run(`restore ${plan} redis --latest --yes`, { HEALTH_WITHIN: '1s' });
      saved = before;
      expect(done).toMatchObject({ exitCode: 1 });
      expect(await fingerprint(world.redis)).toBe(before);
      expect(world.units.runs('traf3li-backend')).toBe(true);
    });

    it('gives up a BGSAVE that takes longer than the timeout, and waits when it may', async () => {
      world.redis.cli('CONFIG', 'SET', 'rdb-key-save-delay', '60000');
      const early = await run(`apply ${plan} redis`, { REDIS_BGSAVE_TIMEOUT: '1s' });
      expect(early).toMatchObject({ exitCode: 2 });
      expect(early.stderr).toContain('(BGSAVE) has not ended after 1 s');
      await good(`apply ${plan} redis`, { REDIS_BGSAVE_TIMEOUT: '60s' });
      world.redis.cli('CONFIG', 'SET', 'rdb-key-save-delay', '0');
    });

    it('calls a file too large from the first byte above the limit', async () => {
      let size = (await listed('redis')).at(-1)!.size;
      // Its time and its checksum make a dump a byte longer or shorter, and so at times by a block of the cipher: then again.
      const asLong = async (less: number) => {
        for (;;) {
          const done = await run(`apply ${plan} redis`, { BACKUP_MAX_FILE_SIZE: `${size - less}B` });
          const made = (await listed('redis')).at(-1)!.size;
          if (made === size) return done;
          size = made;
        }
      };
      const above = await asLong(1);
      expect(above).toMatchObject({ exitCode: 1 });
      expect(above.stderr).toMatch(/at most .* expected/);
      const within = await asLong(0);
      expect(within, within.stderr).toMatchObject({ exitCode: 0 });
    });

    it('warns of a quota, and begins nothing that would break it', async () => {
      const measure = async () => {
        const objects = (await world.objects('traf3li-backups')).filter(({ key }) =>
          /^backups\/|\/redis\/.*\.manifest\.json$/.test(key),
        );
        const newest = objects.filter(({ key }) => key.includes(stampOf(objects.map((one) => one.key))));
        const sum = (all: typeof objects) => all.reduce((total, { size }) => total + size, 0);
        return { stored: sum(objects), next: sum(newest) };
      };
      const before = await measure();
      const said = async (env: Record<string, string>) => {
        const done = await run(`plan ${plan} redis`, env);
        return done.stdout + done.stderr;
      };
      expect(await said({ BACKUP_QUOTA_WARN: `${before.stored + 1}B` })).not.toContain('the plan wants a warning');
      expect(await said({ BACKUP_QUOTA_WARN: `${before.stored}B` })).toContain('the plan wants a warning');
      await good(`apply ${plan} redis`, { BACKUP_QUOTA: `${before.stored + before.next}B`, BACKUP_QUOTA_WARN: '1B' });
      const { stored, next } = await measure();
      const full = await run(`apply ${plan} redis`, { BACKUP_QUOTA: `${stored + next - 1}B`, BACKUP_QUOTA_WARN: '1B' });
      expect(full.stderr).toContain('its quota is');
      expect(full).toMatchObject({ exitCode: 1 });
    });

    it('tells in a table whether credentials, connection strings and connections are in order', async () => {
      const row = (text: string, ...words: string[]) =>
        text.split('\n').find((one) => words.every((word) => one.includes(word))) ?? '';
      fine = (await run(`doctor ${plan}`)).stdout;
      expect(row(fine, 'secret', 'redis-url')).toMatch(/^ok/);
      expect(row(fine, 'secret', 'mongodb-uri')).toMatch(/^ok/);
      expect(row(fine, 'source', 'redis', 'answers')).toMatch(/^ok/);
      expect(row(fine, 'source', 'mongodb', 'does not answer')).toMatch(/^problem/);
      expect(row(fine, 'destination', 'main')).toMatch(/^ok/);
      const dumper = row(fine, 'program', 'mongodump');
      if (programAt('mongodump') === null) expect(dumper).toMatch(/^problem.* install MongoDB's database tools/);
      else expect(dumper).toMatch(/^ok/);
      const poor = (await run(`doctor ${plan}`, { REDIS_URL: 'redis://127.0.0.1:1', AWS_SECRET_ACCESS_KEY: 'wrong' }))
        .stdout;
      expect(row(poor, 'source', 'redis')).toMatch(/^problem/);
      expect(row(poor, 'destination', 'main')).toMatch(/^problem/);
    });

    it('demands of the bucket what the document sets there by hand', async () => {
      const missing = (said: string) => {
        const rows = said.split('\n').filter((row) => row.includes('the plan wants it'));
        return rows.map((row) => row.split(/ {2,}/)[1]).toSorted();
      };
      const set = (Status: 'Enabled' | 'Suspended') =>
        world.client.send(
          new PutBucketVersioningCommand({ Bucket: 'traf3li-backups', VersioningConfiguration: { Status } }),
        );
      // This store knows neither of these, so the plan's demand is not met.
      expect(missing(fine)).toEqual(['access logging', 'mfa delete']);
      await set('Suspended');
      const poor = (await run(`doctor ${plan}`, { BACKUP_DR_BUCKET: 'never-made' })).stdout;
      expect(missing(poor)).toEqual(['access logging', 'mfa delete', 'versioning']);
      expect(poor).toMatch(/^problem +destination +dr .*never-made/m);
      await set('Enabled');
    });

    it('is silent, and its schedule can keep its promises', async () => {
      expect(await good(`validate ${plan} --quiet`)).toMatchObject({ stdout: '', stderr: '' });
      const { backups } = JSON.parse((await good(`config ${plan} --promises --json`)).stdout);
      expect(backups).toMatchObject([
        { backup: 'mongodb', rpo: '24h', rto: '10m', copies: 3, media: 2, offSite: 2, oldest: '7 years', waivers: {} },
        { backup: 'redis', rpo: '6h', rto: '10m', copies: 3, media: 2, offSite: 2, waivers: {} },
      ]);
    });

    it('takes its values from the .env of the document', async () => {
      const file = join(world.place, '.env');
      const lines = ['AWS_REGION=eu-south-1', 'BACKUP_S3_BUCKET=other', 'BACKUP_RETENTION_WEEKS=5'];
      writeFileSync(
        file,
        [...lines, 'BACKUP_SCHEDULE_DAILY=30 3 * * *', 'BACKUP_SCHEDULE_REDIS=0 */3 * * *'].join('\n'),
      );
      const { destinations, backups } = JSON.parse((await good(`config ${plan} --json --env-file ${file}`)).stdout);
      expect(destinations.main).toMatchObject({ bucket: 'other', region: 'eu-south-1' });
      expect(backups.mongodb).toMatchObject({ schedule: '30 3 * * *', retention: { main: { weekly: 5 } } });
      expect(backups.redis.schedule).toBe('0 */3 * * *');
    });

    it('keeps 7 days, 4 weeks, 12 months and 7 years of the database', async () => {
      const { stdout } = await run(`retention ${plan} mongodb --simulate 4000d --json`);
      const { shelf } = JSON.parse(stdout) as { shelf: { time: string; reasons: string[] }[] };
      const kept = (tier: string) => shelf.filter(({ reasons }) => reasons.some((reason) => reason.startsWith(tier)));
      expect([kept('daily'), kept('weekly'), kept('monthly'), kept('yearly')].map((one) => one.length)).toEqual([
        7, 4, 12, 7,
      ]);
      expect(kept('weekly').map(({ time }) => new Date(time).getUTCDay())).toEqual([0, 0, 0, 0]);
      expect(kept('monthly').every(({ time }) => new Date(time).getUTCDate() === 1)).toBe(true);
      expect(shelf.every(({ time }) => time.endsWith('T02:00:00.000Z'))).toBe(true);
      const other = await run(`retention ${plan} mongodb --simulate 60d --json`, {
        BACKUP_SCHEDULE_DAILY: '30 3 * * *',
        BACKUP_RETENTION_DAYS: '9',
      });
      const again = JSON.parse(other.stdout).shelf as { time: string; reasons: string[] }[];
      expect(again.filter(({ reasons }) => reasons.some((one) => one.startsWith('daily')))).toHaveLength(9);
      expect(again.at(-1)!.time).toMatch(/T03:30:00/);
    });
  },
);
