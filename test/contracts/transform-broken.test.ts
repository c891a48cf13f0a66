/** The suite must bite: each of these drivers is broken in one way, and the check that is meant to find it does. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Stage } from '../../src/command.ts';
import type { TransformKind } from '../../src/kind.ts';
import { aes } from '../../src/transforms/aes/index.ts';
import { gzip } from '../../src/transforms/gzip/index.ts';
import { failingTransformChecks, type TransformCase } from './transform.ts';

const key = 'a very secret passphrase';
const spec = { key: { secret: 'backup-key' }, iterations: 10_000 };

const zipped: TransformCase = { kind: gzip, spec: {}, changed: { level: 9 }, findsFlips: true };
const sealed: TransformCase = {
  kind: aes,
  spec,
  changed: { ...spec, iterations: 20_000 },
  secrets: { 'backup-key': key },
  wrong: { secrets: { 'backup-key': 'another' } },
  findsFlips: false,
};

const shell = (script: string): Stage => ({ command: { argv: ['sh', '-c', script] } });
/** The driver with a part replaced; `sh` counts as one of its programs. */
function breaking<Spec>(kind: TransformKind<Spec>, part: Partial<TransformKind<Spec>>): TransformKind<object> {
  return { ...kind, programs: (given: Spec) => [...kind.programs(given), 'sh'], ...part } as TransformKind<object>;
}

let calls = 0;
const broken: [string, TransformCase, string][] = [
  [
    'puts the time into its arguments',
    {
      ...zipped,
      kind: breaking(gzip, { forward: () => shell(`gzip -c # ${++calls}`) }),
    },
    'is pure',
  ],
  [
    'hands the passphrase over as an argument',
    {
      ...sealed,
      kind: breaking(aes, {
        forward: () => ({
          command: { argv: ['openssl', 'enc', '-aes-256-cbc', '-pbkdf2', '-iter', '10000', '-pass', `pass:${key}`] },
        }),
      }),
    },
    'shows no secret',
  ],
  [
    'does not ask for the secret that it needs',
    { ...sealed, kind: breaking(aes, { requirements: () => [] }) },
    'requires the secrets',
  ],
  [
    'loses the last byte of what it is given',
    { ...zipped, kind: breaking(gzip, { forward: () => shell('head -c -1 | gzip -c') }) },
    'brings back noise',
  ],
  [
    'treats input as text',
    { ...zipped, kind: breaking(gzip, { forward: () => shell("tr -d '\\r' | gzip -c") }) },
    'brings back odd bytes',
  ],
  [
    'forgives a damaged archive',
    { ...zipped, kind: breaking(gzip, { inverse: () => shell('gzip -d -c 2>/dev/null || true') }) },
    'finds every cut',
  ],
  [
    'does not look at checksums',
    {
      ...zipped,
      kind: breaking(gzip, {
        forward: () => shell('cat; printf end'),
        inverse: () => shell('head -c -3'),
        manual: () => 'head -c -3',
      }),
    },
    'never hands out other bytes',
  ],
  [
    'opens with the parameters of today',
    { ...sealed, kind: breaking(aes, { inverse: (now, _record, facts) => aes.inverse(now, aes.record(now), facts) }) },
    'opens with the parameters of the record',
  ],
  [
    'describes another format in its manual',
    { ...zipped, kind: breaking(gzip, { manual: () => 'base64 -d' }) },
    'opens by its manual',
  ],
  [
    'promises to encrypt and only compresses',
    { ...zipped, kind: breaking(gzip, { encrypts: true, keys: () => [{ type: 'gzip', id: 'none' }] }) },
    'does not open with a wrong key',
  ],
  [
    'leaves a process running',
    {
      ...zipped,
      kind: breaking(gzip, {
        forward: () => ({ ...shell('gzip -c'), cleanup: [{ argv: ['sh', '-c', 'sleep 120 >/dev/null 2>&1 &'] }] }),
      }),
    },
    'leaves no process',
  ],
  [
    'leaves the passphrase in a file',
    {
      ...sealed,
      kind: breaking(aes, {
        forward: (given, facts, inspection) => ({
          ...aes.forward(given, facts, inspection),
          prepare: [
            { argv: ['runner-builtin', 'save', { work: 'key' }], feed: [{ fd: 0, value: { secret: 'backup-key' } }] },
          ],
        }),
      }),
    },
    'leaves no process and no secret',
  ],
  [
    'names another extension in its record',
    { ...zipped, kind: breaking(gzip, { record: () => ({ type: 'gzip', extension: '.zip', parameters: {} }) }) },
    'says what it is',
  ],
];

describe('the contract of transforms', () => {
  beforeAll(() => {
    expect(broken.length).toBeGreaterThanOrEqual(8);
  });

  it.each([
    ['gzip', zipped],
    ['aes', { ...sealed, placeholders: { PASSPHRASE_FILE: '/dev/null' } }],
  ])('finds nothing else wrong with %s', async (_name, given) => {
    // The manual of aes needs a file with the passphrase, which its own test provides.
    expect((await failingTransformChecks(given)).filter((line) => !line.startsWith('opens by its manual'))).toEqual([]);
  });

  it.each(broken)('finds a driver that %s', async (_what, given, check) => {
    const failures = await failingTransformChecks(given);
    expect(failures.map((line) => line.slice(0, check.length))).toContain(check);
  });
});
