import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { placeholders } from '../../../src/bind.ts';
import { type LaunchHost, prepareLaunch } from '../../../src/execute/launch.ts';
import { type SecretHost, secretReader } from '../../../src/execute/secrets.ts';
import type { SecretReference } from '../../../src/plan/resolved.ts';
import { temporaryDirectory } from './support.ts';

function reader(references: Record<string, SecretReference>, more: Partial<SecretHost> = {}) {
  return secretReader(references, { directory: '/', environment: { PATH: process.env.PATH }, ...more });
}

function secretFile(text: string, mode = 0o600): string {
  const file = join(temporaryDirectory(), 'secret');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe('where a secret is read', () => {
  test('environment', async () => {
    const { read } = reader({ a: { env: 'A', optional: false } }, { environment: { A: 'sesame\n' } });
    expect(await read('a')).toBe('sesame\n');
  });

  test.each([
    ['sesame', 'sesame'],
    ['sesame\n', 'sesame'],
    ['sesame\r\n', 'sesame'],
    ['sesame\n\n', 'sesame\n'],
    [' se same ', ' se same '],
  ])('file %j gives %j: one newline at the end is not part of it', async (text, value) => {
    expect(await reader({ a: { file: secretFile(text), optional: false } }).read('a')).toBe(value);
  });

  test('a file that others may read is a warning, once', async () => {
    const warnings: string[] = [];
    const file = secretFile('sesame', 0o640);
    const { read } = reader({ a: { file, optional: false } }, { warn: (message) => warnings.push(message) });
    await read('a');
    await read('a');
    expect(warnings).toEqual([
      `The secret "a" may be read by others: ${file} has mode 0640; chmod 600 would close it.`,
    ]);
  });

  test('systemd credential', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'key'), 'sesame\n', { mode: 0o600 });
    const references = { a: { credential: 'key', optional: false } };
    const { read } = reader(references, { environment: { CREDENTIALS_DIRECTORY: directory } });
    expect(await read('a')).toBe('sesame');
    await expect(reader(references).read('a')).rejects.toThrow(
      'The secret "a" has no value: CREDENTIALS_DIRECTORY is not set, so systemd gave no credential "key".',
    );
  });

  test('command, in the plan’s directory', async () => {
    const directory = temporaryDirectory();
    const { read } = reader({ a: { command: ['sh', '-c', 'pwd; echo'], optional: false } }, { directory });
    expect(await read('a')).toBe(`${directory}\n`);
  });

  test('it is read at the moment of use, and once a run', async () => {
    const file = secretFile('first');
    const { read } = reader({ a: { file, optional: false } });
    writeFileSync(file, 'second');
    expect(await read('a')).toBe('second');
    writeFileSync(file, 'third');
    expect(await read('a')).toBe('second');
  });
});

describe('a secret that cannot be had', () => {
  const missing = '/no/where';
  test.each<[string, SecretReference, RegExp]>([
    ['variable', { env: 'NONE', optional: false }, /^The secret "a" has no value: .*variable NONE is not set\.$/],
    ['empty variable', { env: 'EMPTY', optional: false }, /^The secret "a" has no value: it is empty\.$/],
    [
      'file',
      { file: missing, optional: false },
      /^The secret "a" has no value: its file \/no\/where does not exist\.$/,
    ],
    ['directory', { file: '/', optional: false }, /^The secret "a" cannot be read from \/: EISDIR\.$/],
    [
      'command',
      { command: ['sh', '-c', 'echo locked >&2; exit 3'], optional: false },
      /^The secret "a" cannot be read: "sh" failed with exit code 3: locked\.$/,
    ],
    ['program', { command: ['no-such-program'], optional: false }, /"no-such-program" was not found\.$/],
  ])('%s: one sentence', async (_title, reference, message) => {
    await expect(
      reader({ a: reference }, { environment: { EMPTY: '', PATH: process.env.PATH } }).read('a'),
    ).rejects.toThrow(message);
  });

  test('optional: an empty text, but a failing command is still a fault', async () => {
    const { read } = reader({
      variable: { env: 'NONE', optional: true },
      file: { file: missing, optional: true },
      command: { command: ['false'], optional: true },
    });
    expect(await read('variable')).toBe('');
    expect(await read('file')).toBe('');
    await expect(read('command')).rejects.toThrow(/exit code 1/);
  });

  test('a name that the plan does not have, also one that every object has', async () => {
    await expect(reader({}).read('b')).rejects.toThrow('The plan has no secret "b".');
    await expect(reader({}).read('constructor')).rejects.toThrow('The plan has no secret "constructor".');
  });
});

describe('redaction', () => {
  const value = 'S3ntinel/+&"pass word\nsecond-line';

  test('hides the value, its lines and its encodings, once it has been read', async () => {
    const { read, redact } = reader({ db: { env: 'DB', optional: false } }, { environment: { DB: value } });
    expect(redact(value)).toBe(value);
    await read('db');
    const mark = '‹secret:db›';
    expect(redact(`a ${value} b`)).toBe(`a ${mark} b`);
    expect(redact('x second-line y')).toBe(`x ${mark} y`);
    expect(redact(Buffer.from(value).toString('base64'))).toBe(mark);
    expect(redact(Buffer.from('second-line').toString('base64'))).not.toMatch(/c2Vjb25kLWxpbm/);
    expect(redact(`https://u:${encodeURIComponent(value)}@h`)).toBe(`https://u:${mark}@h`);
    expect(redact(new URLSearchParams({ p: value }).toString())).toBe(`p=${mark}`);
    expect(redact(JSON.stringify({ p: value }))).toBe(`{"p":"${mark}"}`);
  });

  test('the longer of two secrets wins, and short ones are left alone', async () => {
    const environment = { A: 'abcd', B: 'abcdefgh', C: 'abc' };
    const { read, redact } = reader(
      {
        a: { env: 'A', optional: false },
        b: { env: 'B', optional: false },
        c: { env: 'C', optional: false },
      },
      { environment },
    );
    for (const name of ['a', 'b', 'c']) await read(name);
    expect(redact('abcdefgh abcd abc')).toBe('‹secret:b› ‹secret:a› abc');
  });
});

describe('launches', () => {
  const host: LaunchHost = {
    environment: { PATH: '/bin', HOME: '/home/me', TMPDIR: '/var/tmp', LANG: 'de_DE', OTHER: 'x' },
    readSecret: async (name) => (name === 'none' ? '' : `value-of-${name}`),
    runId: 'run-1',
  };

  test('the environment is minimal, unless asked otherwise', async () => {
    const { env } = await prepareLaunch({ argv: ['true'] }, placeholders, host);
    expect(env).toEqual({ PATH: '/bin', HOME: '/home/me', TMPDIR: '/var/tmp', LC_ALL: 'C', RUNNER_RUN_ID: 'run-1' });
    const whole = await prepareLaunch({ argv: ['true'], inheritEnvironment: true }, placeholders, host);
    expect(whole.env).toEqual({ ...host.environment, RUNNER_RUN_ID: 'run-1' });
  });

  test('values are bound; an absent optional secret leaves its variable unset', async () => {
    const launch = await prepareLaunch(
      {
        argv: ['tool', { join: ['--out=', { work: 'a' }] }],
        env: { PASSWORD: { secret: 'db' }, NONE: { secret: 'none' }, EMPTY: '' },
        feed: [{ fd: 3, value: { secret: 'key' } }],
        cwd: { out: 'scratch.path' },
        timeout: 5,
      },
      placeholders,
      host,
    );
    expect(launch.argv).toEqual(['tool', '--out=‹work›/a']);
    expect(launch.env.PASSWORD).toBe('value-of-db');
    expect(launch.env.EMPTY).toBe('');
    expect('NONE' in launch.env).toBe(false);
    expect(Buffer.from(launch.feed[0]?.bytes ?? []).toString()).toBe('value-of-key');
    expect([launch.cwd, launch.timeout]).toEqual(['‹scratch.path›', 5]);
  });
});
