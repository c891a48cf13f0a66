import { describe, expect, it } from 'vitest';
import { lines, planWith, read } from './plans.ts';

const head = 'version: 1\nname: shop\n';
const one = `${head}backups:\n  db:\n    source: { type: sqlite, path: a.db }\n    destinations: [{ type: local, path: /srv }]\n`;

/** What is said of a plan whose lines from the seventh on are these. */
async function said(text: string): Promise<string[]> {
  return lines((await read(one + text)).diagnostics).filter((line) => !line.includes('no-restore-test'));
}

const durations = 'a duration such as 30s, 5m, 6h, 7d, 4w or 1y';

describe('a mistake is reported once, at its place, with what was expected', () => {
  const cases: [string, string, string[]][] = [
    ['an unknown key', '    shedule: x\n', ['7:5 schema unknown key "shedule" in backups.db (schedule)']],
    [
      'an unknown type',
      'sources: { x: { type: sqlit, pth: a } }\n',
      [
        '7:23 schema unknown type "sqlit" of a source [command, files, mariadb, mongodb, mysql, postgres, redis or sqlite] (sqlite)',
      ],
    ],
    [
      'a wrong key in a kind, which is the key that is missing',
      'sources: { x: { type: sqlite, pth: a } }\n',
      ['7:31 schema unknown key "pth" in a sqlite source [type, path or run-in] (path)'],
    ],
    ['a missing key', 'sources: { x: { type: sqlite } }\n', ['7:12 schema a sqlite source needs "path"']],
    [
      'no type',
      'sources: { x: { path: a } }\n',
      ['7:12 schema a source needs "type" [command, files, mariadb, mongodb, mysql, postgres, redis or sqlite]'],
    ],
    ['a text for a map', 'sources: { x: sqlite }\n', ['7:15 schema sources.x cannot be a text [a map with "type"]']],
    [
      'a list for a text',
      'timezone: [UTC]\n',
      ['7:11 schema timezone cannot be a list [a zone such as Europe/Berlin]'],
    ],
    ['a text for a list', '    tags: daily\n', ['7:11 schema backups.db.tags cannot be a text [a list] ([daily])']],
    ['words for a unit', '    timeout: 7 days\n', [`7:14 schema "7 days" is not a duration [${durations}] (7d)`]],
    ['a duration of zero', '    timeout: 0h\n', [`7:14 schema "0h" is not a duration [${durations}]`]],
    ['a negative duration', '    timeout: -1h\n', [`7:14 schema "-1h" is not a duration [${durations}]`]],
    [
      'a size in the wrong letters',
      '    expect: { min-size: 10mb }\n',
      ['7:25 schema "10mb" is not a size [a size such as 512KiB, 10MB or 1GiB] (10MB)'],
    ],
    [
      'a number for a fraction',
      '    expect: { size: { at-least: 50 } }\n',
      ['7:33 schema backups.db.expect.size.at-least cannot be a number [a fraction such as 50%] (50%)'],
    ],
    [
      'a folder of a branch that is none: ..',
      'destinations: { g: { type: git, repository: /srv/g.git, path: ".." } }\n',
      [
        '7:63 schema ".." is not a folder [a folder such as config/{backup}, without a / before it, and without ., .. and .git]',
      ],
    ],
    [
      'a folder of a branch that is none: a//b',
      'destinations: { g: { type: git, repository: /srv/g.git, path: "a//b" } }\n',
      [
        '7:63 schema "a//b" is not a folder [a folder such as config/{backup}, without a / before it, and without ., .. and .git]',
      ],
    ],
    [
      'a folder of a branch that is none: {nope}',
      'destinations: { g: { type: git, repository: /srv/g.git, path: "{nope}" } }\n',
      [
        '7:63 schema "{nope}" is not a folder [a folder such as config/{backup}, without a / before it, and without ., .. and .git]',
      ],
    ],
    [
      'a schedule that is none',
      '    schedule: "61 2 * * *"\n',
      ['7:15 schema "61" is no minute of a schedule [a schedule of five cron fields such as "0 2 * * *"]'],
    ],
    [
      'a name in capitals',
      'sources: { My_Db: { type: sqlite, path: a } }\n',
      ['7:12 schema "My_Db" is not a name in kebab-case [a name in kebab-case such as nightly-orders] (my-db)'],
    ],
    [
      'a word that is not among those known',
      '    priority: { io: idel }\n',
      ['7:21 schema "idel" is not known here [idle, low or normal] (idle)'],
    ],
    ['too small a number', '    require: 0\n', ['7:14 schema 0 is too small [a whole number of at least 1]']],
    [
      'a fraction for a count',
      '    require: 1.5\n',
      ['7:14 schema backups.db.require cannot be a number [a whole number of at least 1]'],
    ],
    [
      'a number out of a range',
      '    transforms: [{ zstd: { level: 99 } }]\n',
      ['7:35 schema 99 is too large [a whole number from 1 to 19]'],
    ],
    ['an empty list', '    tags: []\n', ['7:11 schema backups.db.tags is empty [at least one item]']],
    ['the same twice', '    tags: [a, b, a]\n', ['7:18 schema "a" stands here twice']],
    [
      'an unknown transform with options',
      '    transforms: [{ gpgg: {} }]\n',
      ['7:20 schema unknown key "gpgg" [aes, age, gpg, gzip, xz or zstd] (gpg)'],
    ],
    [
      'a choice of keys',
      '    transforms: [{ gpg: {} }]\n',
      ['7:20 schema backups.db.transforms[0].gpg needs "recipients" or "passphrase"'],
    ],
    [
      'an unknown step',
      '    hooks: { before: [{ rnu: [ls] }] }\n',
      ['7:25 schema unknown key "rnu" [run, http, sql or manual] (run)'],
    ],
    [
      'a shell line for a list of arguments',
      '    hooks: { before: [{ run: ls -l }] }\n',
      ['7:30 schema backups.db.hooks.before[0].run cannot be a text [a list] ([ls, -l])'],
    ],
    [
      'a key of another step',
      '    hooks: { before: [{ run: [ls], within: 5m }] }\n',
      ['7:36 schema unknown key "within" in a run step [run, environment, timeout or run-in]'],
    ],
    [
      'an assertion without a bound',
      '    restore: { assert: [{ sql: select 1 }] }\n',
      ['7:25 schema an sql assertion needs "equals", "at-least", "at-most" or "compare"'],
    ],
    [
      'a key that needs another',
      '    restore: { assert: [{ sql: select 1, equals: 1, tolerance: 5% }] }\n',
      ['7:53 schema "tolerance" makes sense only beside "compare"'],
    ],
    [
      'two keys of which one would do',
      'destinations: { r: { type: rclone, remote: nas, options: { type: drive } } }\n',
      ['7:17 schema an rclone destination has "remote" and "options" [one of them]'],
    ],
    [
      'a retention with a typo, which is no map of destinations',
      '    retention: { dayly: 7d }\n',
      [
        '7:18 schema unknown key "dayly" in a retention [last, within, hourly, daily, weekly, monthly, quarterly, yearly, tags, floor or week-starts] (daily)',
      ],
    ],
    [
      'a retention of a destination with a typo',
      '    retention: { local: { dayly: 7 } }\n',
      [
        '7:27 schema unknown key "dayly" in a retention [last, within, hourly, daily, weekly, monthly, quarterly, yearly, tags, floor or week-starts] (daily)',
      ],
    ],
    [
      'a boolean for a word',
      'timezone: true\n',
      ['7:11 schema timezone cannot be true [a zone such as Europe/Berlin]'],
    ],
    [
      'a mode that YAML reads as a number',
      'destinations: { d: { type: local, path: /d, modes: { files: 0600 } } }\n',
      ['7:61 schema destinations.d.modes.files cannot be a number [a file mode in quotes such as "0600"]'],
    ],
  ];
  it.each(cases)('%s', async (_, text, expected) => {
    expect(await said(text)).toEqual(expected);
  });

  it('a missing name and no backups', async () => {
    expect(lines((await read('version: 1\n')).diagnostics)).toEqual([
      '1:1 schema a plan needs "name"',
      '1:1 schema a plan needs "backups"',
    ]);
  });

  it('a version of tomorrow', async () => {
    const text = one.replace('version: 1', 'version: 2');
    expect(lines((await read(text)).diagnostics)).toEqual(['1:10 schema 2 is not known here [1]']);
  });
});

describe('what is reserved for later is an unknown key', () => {
  it.each(['run-in: { docker: x }', 'together: [a]', 'point-in-time: {}', 'incremental: x'])('%s', async (line) => {
    expect((await said(`    ${line}\n`)).join()).toMatch(/^7:5 schema unknown key "[a-z-]+" in backups.db/);
  });
  it.each(['notifications', 'metrics', 'audit', 'reports', 'checks', 'jobs', 'contacts', 'scenarios', 'drills'])(
    '%s',
    async (key) => {
      expect((await said(`${key}: {}\n`)).join()).toMatch(/^7:1 schema unknown key "[a-z]+" in a plan/);
    },
  );
  it.each(['state: true'])('a destination with %s', async (pair) => {
    const found = await said(`destinations: { d: { type: local, path: /d, ${pair} } }\n`);
    expect(found.join()).toMatch(/^7:45 schema unknown key "[a-z]+" in a local destination/);
  });
});

describe('all problems come at once', () => {
  it('of text, schema and names, in the order of the file', async () => {
    const { diagnostics, error } = await read(`version: 1
nam: shop
secrets: { key: { env: "\${UNSET}" } }
sources: { db: { type: sqlite, pth: x } }
transforms: { sealed: [zstd, { aes: { key: { secret: kee } } }] }
backups:
  a: { source: dbb, destinations: [nowhere], timeout: 7 days }
  b: { source: db, transforms: seald, destinations: [nowhere] }
`);
    expect(diagnostics.map(({ place, rule }) => `${place!.line}:${place!.column} ${rule}`)).toEqual([
      '2:1 schema',
      '3:25 interpolation',
      '4:32 schema',
      '5:54 unknown-name',
      '7:16 unknown-name',
      '7:36 unknown-name',
      '7:55 schema',
      '8:32 unknown-name',
      '8:54 unknown-name',
    ]);
    expect(error!.exitCode).toBe(4);
    expect(error!.message).toMatch(/plan\.yaml has 9 mistakes; nothing was started$/);
  });
});

describe('what a variable gives is what the schema wants', () => {
  it('numbers and booleans', async () => {
    const text = planWith({
      head: `retention: { r: { daily: "\${N:-7}", weekly: "\${W}" } }`,
      backup: `    retention: r
    require: \${R:-1}
    restore: { overwrite: "\${O:-true}" }
    priority: { nice: "\${NICE:-5}" }`,
    });
    const { resolved } = await read(text, { W: '4w' });
    const [backup] = resolved!.backups;
    expect(backup!.retention.main!.tiers).toEqual({ daily: { count: 7 }, weekly: { reach: { amount: 4, unit: 'w' } } });
    expect(backup).toMatchObject({ require: 1, restore: { overwrite: true }, priority: { nice: 5 } });
  });

  it('but a text in quotes stays a text', async () => {
    const { diagnostics } = await read(planWith({ backup: '    require: "1"' }));
    expect(lines(diagnostics)).toEqual([
      '11:14 schema backups.db.require cannot be a text [a whole number of at least 1]',
    ]);
  });

  it('and a variable that holds no number is reported', async () => {
    const { diagnostics } = await read(planWith({ backup: `    require: \${R:-many}` }));
    expect(lines(diagnostics)).toEqual([
      '11:14 schema backups.db.require cannot be a text [a whole number of at least 1]',
    ]);
  });
});
