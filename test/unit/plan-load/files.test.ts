import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPlan } from '../../../src/plan/load.ts';
import { printDiagnostics } from '../../../src/plan/print.ts';
import { load, shorten, temporaryDirectory } from './helpers.ts';

async function printed(path: string, directory: string): Promise<string> {
  const loaded = await loadPlan(path, { environment: {} });
  expect(loaded.value).toBeUndefined();
  return shorten(printDiagnostics(loaded.diagnostics), directory);
}

describe('files that cannot be opened', () => {
  test('missing', async () => {
    const directory = temporaryDirectory();
    const text = 'error file: there is no file x.yaml\n\n1 error\n';
    expect(await printed(join(directory, 'x.yaml'), directory)).toBe(text);
    symlinkSync('nowhere', join(directory, 'x.yaml'));
    expect(await printed(join(directory, 'x.yaml'), directory)).toBe(text);
  });

  test('below a file', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'a'), '');
    expect(await printed(join(directory, 'a/x.yaml'), directory)).toBe(
      'error file: there is no file a/x.yaml\n\n1 error\n',
    );
  });

  test('a directory', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'x.yaml'));
    const text = 'error file: x.yaml is a directory, not a plan file\n\n1 error\n';
    expect(await printed(join(directory, 'x.yaml'), directory)).toBe(text);
  });

  test('no permission', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'x.yaml');
    writeFileSync(file, 'version: 1\n');
    chmodSync(file, 0);
    chmodSync(directory, 0o755);
    const text = 'error file: x.yaml cannot be read: this user has no permission\n\n1 error\n';
    const isRoot = process.geteuid?.() === 0;
    // Root may read everything; loadPlan opens the file before it returns.
    if (isRoot) process.seteuid!(65534);
    const result = printed(file, directory);
    if (isRoot) process.seteuid!(0);
    expect(await result).toBe(text);
  });

  test('another reason is named by its code', async () => {
    const directory = temporaryDirectory();
    symlinkSync('loop.yaml', join(directory, 'loop.yaml'));
    expect(await printed(join(directory, 'loop.yaml'), directory)).toBe(
      'error file: loop.yaml cannot be read: ELOOP\n\n1 error\n',
    );
  });
});

describe('files that hold no plan', () => {
  test.each([
    ['nothing', ''],
    ['blanks', ' \n\t\r\n\n'],
    ['only a byte order mark', '\uFEFF'],
  ])('%s', async (_, text) => {
    expect((await load(text)).printed).toBe(`plan.yaml:1:1 error file: this file is empty
  expected: a plan, which begins with \`version: 1\`

1 error
`);
  });

  test.each(['# a comment\n', '\n# one\n# two'])('only comments: %j', async (text) => {
    expect((await load(text)).printed).toBe(`plan.yaml:1:1 error file: this file holds only comments
  expected: a plan, which begins with \`version: 1\`

1 error
`);
  });

  test('a binary file', async () => {
    const program = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0xff, 0xfe]);
    expect((await load(program)).printed).toBe(
      'plan.yaml:1:1 error file: this is a binary file, not a plan\n\n1 error\n',
    );
  });

  test('UTF-16', async () => {
    expect((await load(Buffer.from('\uFEFFversion: 1\n', 'utf16le'))).printed).toBe(
      'plan.yaml:1:1 error file: this file is UTF-16\n  expected: a plan saved as UTF-8\n\n1 error\n',
    );
  });

  test('bytes that are not UTF-8 are named with their place', async () => {
    const latin = Buffer.from('version: 1\n# \uFFFD is fine\nname: B\u00e4cker\n');
    const broken = Buffer.concat([latin.subarray(0, -8), Buffer.from([0xe4]), Buffer.from('cker\n')]);
    expect((await load(broken)).printed).toBe(`plan.yaml:3:7 error file: the byte 0xE4 is not UTF-8
  3 | name: \uFFFDcker
    |       ^
  expected: a plan saved as UTF-8

1 error
`);
    expect((await load(Buffer.from([0x61, 0x3a, 0x20, 0xc3]))).diagnostics[0]).toMatchObject({
      message: 'the byte 0xC3 is not UTF-8',
      place: { line: 1, column: 4 },
    });
    expect((await load(Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0xff]))).diagnostics[0]).toMatchObject({
      message: 'the byte 0xFF is not UTF-8',
      place: { line: 1, column: 2 },
    });
  });

  test('control characters, which a terminal might obey', async () => {
    expect(
      (await load('a: 1\nb: "\u001b[2Jx"\n')).printed,
    ).toBe(`plan.yaml:2:5 error file: the control character U+001B cannot stand in a plan
  2 | b: "␛[2Jx"
    |     ^
  expected: text

1 error
`);
    // The lexer of yaml uses these itself.
    for (const code of ['\u0002', '\u0018', '\u001f', '\u007f'])
      expect((await load(`a: ${code}b\n`)).diagnostics).toMatchObject([
        { rule: 'file', place: { line: 1, column: 4 } },
      ]);
  });

  test('line ends of old Macintoshes', async () => {
    expect(
      (await load('a: 1\rb: 2\r')).printed,
    ).toBe(`plan.yaml:1:5 error file: a carriage return stands without a line feed
  1 | a: 1␍b: 2␍
    |     ^
  expected: lines that end in LF or CRLF

1 error
`);
  });

  test('more than 1 MiB, and an endless device', async () => {
    const tooLarge = 'error file: this file is larger than 1 MiB, the most a plan may have\n\n1 error\n';
    expect((await load(Buffer.alloc(10_000_000, 'a: 1\n'))).printed).toBe(`plan.yaml:1:1 ${tooLarge}`);
    expect((await load(`#${'x'.repeat(1024 * 1024)}`)).printed).toBe(`plan.yaml:1:1 ${tooLarge}`);
    expect((await load(`#${'x'.repeat(1024 * 1024 - 6)}\na: 1`)).value).toEqual({ a: 1 });
    expect(await printed('/dev/zero', '/nowhere')).toBe(`/dev/zero:1:1 ${tooLarge}`);
  });
});

test.skipIf(spawnSync('mkfifo', ['--version']).error)('a plan may come through a pipe', async () => {
  const fifo = join(temporaryDirectory(), 'plan');
  spawnSync('mkfifo', [fifo]);
  // The shell ends itself once the plan is written; opening a pipe waits for the other side.
  const { spawn } = await import('node:child_process');
  spawn('sh', ['-c', 'printf "version: 1\\n" > "$1"', 'sh', fifo], { stdio: 'ignore' });
  expect((await loadPlan(fifo, { environment: {} })).value).toEqual({ version: 1 });
});
