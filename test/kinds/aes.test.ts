import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { aes } from '../../src/transforms/aes/index.ts';
import { describeTransform } from '../contracts/describe.ts';
import { Machine } from '../contracts/machine.ts';
import { noise } from '../contracts/transform.ts';
import { has } from '../helpers/programs.ts';
import { temporary } from './temporary.ts';

const passphrase = 'p4ss phrase "with" $odd \\ signs ü';
const spec = { key: { secret: 'backup-key' }, iterations: 10_000 };

/** The passphrase in a file, as the manual command wants it. */
function passphraseFile(): string {
  const file = join(temporary(), 'passphrase');
  writeFileSync(file, passphrase, { mode: 0o600 });
  return file;
}

const base = () => ({
  kind: aes,
  spec,
  changed: { ...spec, iterations: 12_345 },
  secrets: { 'backup-key': passphrase },
  wrong: { secrets: { 'backup-key': 'another passphrase' } },
  placeholders: { PASSPHRASE_FILE: passphraseFile() },
  findsFlips: false,
});

describe.skipIf(!has('openssl'))('with openssl', () => describeTransform('aes', base));
describe("with Node's own crypto", () => describeTransform('aes', () => ({ ...base(), without: ['openssl'] })));

describe('aes', () => {
  const openssl = (version: string) => ({ programs: { openssl: { path: '/usr/bin/openssl', version } } });
  const program = (version: string) => aes.forward(spec, openssl(version), null).command.argv[0];

  it('derives its key with 600,000 rounds unless the plan says otherwise, and records it', () => {
    expect(aes.record({ key: spec.key }).parameters).toEqual({ iterations: 600_000 });
    expect(aes.forward({ key: spec.key }, openssl('OpenSSL 3.0.19'), null).command.argv).toContain('600000');
    expect(aes.manual(aes.record({ key: spec.key }))).toContain('-iter 600000');
    expect(aes.passphrase?.({ key: spec.key })).toEqual({ secret: 'backup-key', iterations: 600_000 });
  });

  it('passes over an openssl that knows no PBKDF2', () => {
    expect(program('OpenSSL 1.0.2u')).toBe('runner-builtin');
    expect(program('LibreSSL 2.8.3')).toBe('runner-builtin');
    expect(program('LibreSSL 3.3.6')).toBe('openssl');
    expect(program('OpenSSL 1.1.1w')).toBe('openssl');
  });

  it('has the passphrase checked for what openssl would cut or misread', () => {
    expect(aes.requirements(spec, 'forward', { programs: {} })).toMatchObject([
      { need: 'secret', secret: 'backup-key', format: 'openssl-passphrase' },
    ]);
  });

  it('says which key is missing where a plan has none', () => {
    expect(() => aes.inverse({} as never, aes.record(spec), { programs: {} })).toThrow(/the plan names no key/);
  });

  it.each([
    ['an empty one', ''],
    ['a line break', 'two\nlines'],
    ['a NUL', 'a\0b'],
    ['more than 1,023 bytes', 'x'.repeat(1024)],
  ])('refuses as a passphrase, without openssl: %s', async (_what, text) => {
    const machine = await Machine.start({ programs: [], secrets: { 'backup-key': text } });
    const sealing = machine.task().through([aes.forward(spec, machine.facts, null)], noise(100));
    await expect(sealing).rejects.toThrow(/passphrase/);
    machine.end();
  });

  it.skipIf(!has('openssl'))("is the same format with openssl and with Node's own crypto", async () => {
    const secrets = { 'backup-key': 'x'.repeat(1023) };
    const machine = await Machine.start({ programs: ['openssl'], secrets });
    const bare = { programs: {} };
    const record = aes.record(spec);
    for (const [sealing, opening] of [
      [machine.facts, bare],
      [bare, machine.facts],
    ] as const) {
      const artifact = await machine.task().through([aes.forward(spec, sealing, null)], noise(100_000));
      const opened = await machine.task().through([aes.inverse(spec, record, opening)], artifact);
      expect(opened.equals(noise(100_000))).toBe(true);
    }
    machine.end();
  });
});
