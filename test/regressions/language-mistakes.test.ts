// biome-ignore-all lint/suspicious/noTemplateCurlyInString: plans are written so
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

const good = `version: 1
name: shop
destinations:
  disk: { type: local, path: backups }
backups:
  notes:
    source: { type: sqlite, path: notes.sqlite }
    destinations: [disk]
    retention: { daily: 7d }
    verify: [{ restore: { assert: [{ sql: "select 1", equals: 1 }] } }]
`;

let place: ReturnType<typeof temporaryDirectory>;
beforeAll(() => {
  place = temporaryDirectory();
});
afterAll(() => place.remove());

/** What `validate` says of the good plan with one part replaced (or a line more in the backup): places and sentences. */
async function said(part: string, by?: string) {
  const text = by === undefined ? `${good}    ${part}\n` : good.replace(part, by);
  expect(text).not.toBe(good);
  const file = join(place.path, 'plan.yaml');
  writeFileSync(file, text);
  const { exitCode, stdout, stderr } = await runner(['validate', file, '--json']);
  expect(exitCode).toBe(4);
  const plain = await runner(['validate', file]);
  type Found = { place: { line: number; column: number }; message: string; expected?: string; suggestion?: string };
  const found = (JSON.parse(stdout).diagnostics as Found[]).map(({ place: { line, column }, message, ...hints }) =>
    [
      `${line}:${column} ${message}`,
      hints.expected && `[${hints.expected}]`,
      hints.suggestion && `(${hints.suggestion})`,
    ]
      .filter(Boolean)
      .join(' '),
  );
  return { found, printed: stdout + stderr + plain.stderr };
}

const duration = 'a duration such as 30s, 5m, 6h, 7d, 4w or 1y';

describe('one mistake is one sentence', () => {
  const mistakes: [part: string, by: string, sentence: string][] = [
    ['path: backups', 'path: backups, mount: true', '4:46 destinations.disk.mount cannot be true [required]'],
    ['version: 1', 'version: "1"', '1:10 version cannot be a text [1]'],
    ['path: backups', 'path:backups', '4:24 a colon needs a space after it (path: backups)'],
    ['type: local', 'Type: local', '4:11 unknown key "Type" in a destination (type)'],
    [
      'path: backups',
      'path: backups, off-site: yes',
      '4:49 destinations.disk.off-site cannot be a text [true or false] (true)',
    ],
    [
      'path: backups',
      'path: backups, modes: { files: "600" }',
      '4:55 "600" is not a file mode [a file mode in quotes such as "0600"] (0600)',
    ],
    ['daily: 7d', 'daily: "7"', `9:25 "7" is not a duration [a whole number or ${duration}]`],
    ['{ daily: 7d }', '{ dsk: { last: 1 } }', '9:18 backup "notes" has no destination "dsk" [disk] (disk)'],
    ['[disk]', 'disk', '8:19 backups.notes.destinations cannot be a text [a list] ([disk])'],
    ['[disk]', '[disk', '8:19 a [ is not closed, or what it holds is not indented [a ]]'],
    [
      'path: notes.sqlite',
      'path: ${FILE}',
      '7:36 this does not belong here [quotes around a value with ${…} inside { } or [ ]]',
    ],
    ['  notes:', '  notes', '6:3 this line has no `key:` [a key, a colon and a space]'],
    ['  notes:', '  123:', '6:3 a key is a text, and this is the number 123 ["123"]'],
    ['    retention', '   retention', '9:4 this line is not indented like the keys beside it'],
    ['    retention', '\tretention', '9:1 a tab cannot indent a line in YAML [spaces]'],
    [
      '{ type: sqlite, path: notes.sqlite }',
      'notes',
      '7:13 there is no source "notes" [an entry "notes" in "sources"]',
    ],
    ['backups:', 'defaults: { source: x }\nbackups:', '5:13 unknown key "source" in defaults'],
  ];
  it.each(mistakes)('%s -> %s', async (part, by, sentence) => {
    expect((await said(part, by)).found).toEqual([sentence]);
  });

  const lines: [line: string, sentence: string][] = [
    [
      'schedule: "@daily"',
      '11:15 "@daily" is not a schedule of five cron fields [a schedule of five cron fields such as "0 2 * * *"] (0 2 * * *)',
    ],
    [
      'schedule: "0 25 * * *"',
      '11:15 "25" is no hour of a schedule [a schedule of five cron fields such as "0 2 * * *"]',
    ],
    [
      'expect: { size: { at-least: 0.5 } }',
      '11:33 backups.notes.expect.size.at-least cannot be a number [a fraction such as 50%] (50%)',
    ],
    ['transforms: zstd', '11:17 there is no list of transforms "zstd" ([zstd])'],
    ['transforms: [{ zstd: {}, gzip: {} }]', '11:30 "gzip" cannot stand beside "zstd" [an item of its own]'],
    [
      'transforms: [{ gpg: , recipients: [a] }]',
      '11:27 "recipients" is not indented below "gpg" [more spaces before it]',
    ],
    [
      'hooks: { before: [echo hi] }',
      '11:23 backups.notes.hooks.before[0] cannot be a text [a map with "run", "http", "sql" or "manual"]',
    ],
    [
      'hooks: { before: [{ run: echo hi }] }',
      '11:30 backups.notes.hooks.before[0].run cannot be a text [a list] ([echo, hi])',
    ],
    [
      'hooks: { before: [{ http: "http://x", withing: 2m }] }',
      '11:43 unknown key "withing" in an http step [http, within or timeout] (within)',
    ],
    [
      'restore: { stop: [{ compose: app }] }',
      '11:34 backups.notes.restore.stop[0].compose cannot be a text [a map with "service"]',
    ],
    ['path: notes.sqlite', '11:5 unknown key "path" in backups.notes ["path" inside "source"]'],
  ];
  it.each(lines)('%s', async (line, sentence) => {
    expect((await said(line)).found).toEqual([sentence]);
  });
});

describe('a secret in the wrong place is not repeated', () => {
  it.each([
    ['name: shop', 'name: shop\nsecrets: { pw: hunter2 }'],
    ['retention:', 'transforms: [{ aes: { key: hunter2 } }]\n    retention:'],
    ['retention:', 'transforms: [{ aes: { passphrase: hunter2 } }]\n    retention:'],
    ['retention:', 'hooks: { before: [{ run: [a], environment: { DB_PASSWORD: hunter2, A: 5 } }] }\n    retention:'],
    ['retention:', 'password: hunter2\n    retention:'],
    ['retention:', 'hooks: { before: [{ run: [psql, "postgres://a:hunter2@db"], env: 5 }] }\n    retention:'],
  ])('%s -> %s', async (part, by) => {
    const { found, printed } = await said(part, by);
    expect(found.length).toBeGreaterThan(0);
    expect(printed).not.toContain('hunter2');
  });
});
