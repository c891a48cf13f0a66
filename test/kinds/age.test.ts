import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { age } from '../../src/transforms/age/index.ts';
import { describeTransform } from '../contracts/describe.ts';
import { has } from '../helpers/programs.ts';
import { temporary } from './temporary.ts';

/** Two key pairs and a file of recipients, made by age itself. */
function makeKeys() {
  const directory = temporary();
  const pair = (name: string) => {
    const identity = join(directory, name);
    execFileSync('age-keygen', ['-o', identity], { stdio: 'pipe' });
    const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
    return { identity, recipient };
  };
  const ours = pair('ours');
  const other = pair('other');
  const recipients = join(directory, 'recipients');
  writeFileSync(recipients, `# the team\n${other.recipient}\n\n${ours.recipient}\n`);
  return { ours, other, recipients, directory };
}

const available = has('age', 'age-keygen');

describe.skipIf(!available)('to a public key, opened by a file', () =>
  describeTransform('age', () => {
    const { ours, other } = makeKeys();
    return {
      kind: age,
      spec: { recipients: [ours.recipient], identities: [ours.identity] },
      wrong: { spec: { recipients: [ours.recipient], identities: [other.identity] } },
      placeholders: { IDENTITY_FILE: ours.identity },
      findsFlips: true,
    };
  }),
);

describe.skipIf(!available)('to a file of public keys, opened by a secret', () =>
  describeTransform('age', () => {
    const { ours, recipients } = makeKeys();
    const stranger = makeKeys();
    return {
      kind: age,
      spec: { recipients: [recipients], identities: { secret: 'age-key' } },
      secrets: { 'age-key': readFileSync(ours.identity, 'utf8') },
      wrong: { secrets: { 'age-key': readFileSync(stranger.ours.identity, 'utf8') } },
      placeholders: { IDENTITY_FILE: ours.identity },
      findsFlips: true,
    };
  }),
);

describe('age', () => {
  const read = (text: string) => async () => Buffer.from(text);
  const inspect = async (recipient: string, text = '') =>
    (await age.inspect!({ recipients: [recipient] }, read(text))).problems.map(({ message }) => message);

  it('reads files of recipients before anything starts', async () => {
    expect(await inspect('/keys', 'age1qqqq\n')).toEqual([]);
    expect(await inspect('/keys', '# none\n')).toEqual(['age: the recipients file /keys names no public key']);
    expect(await inspect('/keys', 'AGE-SECRET-KEY-1QQ\n')).toEqual([
      'age: /keys holds a private key: name a file with the public key instead',
    ]);
    expect(await inspect('/keys', 'nonsense\n')).toEqual([
      'age: /keys holds a line that is not a public key of age or ssh',
    ]);
    expect(await inspect('age-typo')).toEqual(['age: "age-typo" is neither a public key nor a file']);
  });

  it('names every recipient as a key of the manifest', async () => {
    const spec = { recipients: ['/keys', 'age1zz'] as [string, string] };
    const inspection = await age.inspect!(spec, read('age1aa\nage1bb\n'));
    expect(age.keys(spec, inspection).map(({ id }) => id)).toEqual(['age1aa', 'age1bb', 'age1zz']);
  });

  it('is refused with a sentence where age is missing, and where the plan has no key to open it', () => {
    const spec = { recipients: ['age1zz'] as [string] };
    expect(age.requirements(spec, 'forward', { programs: {} })).toMatchObject([{ need: 'program', program: 'age' }]);
    expect(() => age.inverse(spec, age.record(spec), { programs: {} })).toThrow(/names no `identities`/);
  });
});
