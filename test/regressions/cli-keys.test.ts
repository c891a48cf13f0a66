import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { has } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';

/** A key that cannot seal is the plan's mistake: told at its place before anything runs, not by gpg in the night. */
describe('public keys that cannot be used', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  const plan = (transform: string) => {
    writeFileSync(join(place.path, 'data.txt'), 'data\n');
    const text = `version: 1
name: p
destinations: { disk: { type: local, path: disk } }
backups:
  other: { source: { type: files, paths: [data.txt] }, destinations: [disk] }
  b:
    source: { type: files, paths: [data.txt] }
    destinations: [disk]
    transforms: [${transform}]
`;
    writeFileSync(join(place.path, 'plan.yaml'), text);
  };
  const refused = async (message: string) => {
    for (const words of [['apply'], ['plan'], ['graph']]) {
      const { exitCode, stdout, stderr } = await runner([...words, 'plan.yaml'], { cwd: place.path });
      expect(stderr).toContain(`plan.yaml:9:5 error key: ${message}`);
      expect(stdout).toBe('');
      expect(exitCode).toBe(4);
    }
    expect(existsSync(join(place.path, 'disk', 'p'))).toBe(false);
    expect((await runner(['apply', 'plan.yaml', 'other', '--quiet'], { cwd: place.path })).exitCode).toBe(0);
  };

  beforeEach(() => {
    place = temporaryDirectory();
  });
  afterEach(() => place.remove());

  it.each(['gpg', 'age'])('a missing key file of %s', async (type) => {
    plan(`{ ${type}: { recipients: [keys/nobody.pub] } }`);
    const file = join(place.path, 'keys/nobody.pub');
    await refused(
      type === 'gpg' ? `gpg: the key file ${file} cannot be read` : `age: the recipients file ${file} cannot`,
    );
  });

  it('a file that holds no key', async () => {
    plan('{ gpg: { recipients: [data.txt] } }');
    await refused(`gpg: ${join(place.path, 'data.txt')} holds no key of OpenPGP`);
  });

  it.skipIf(!has('gpg'))('a key that only signs, and one that has expired', async () => {
    const home = join(place.path, 'gnupg');
    mkdirSync(home, { mode: 0o700 });
    const gpg = (...words: string[]) =>
      execFileSync('gpg', ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...words], {
        env: { ...process.env, GNUPGHOME: home },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    gpg('--quick-gen-key', 'signer', 'ed25519', 'sign', 'never');
    writeFileSync(join(place.path, 'signer.asc'), gpg('--armor', '--export', 'signer'));
    gpg('--faked-system-time', '20200101T000000', '--quick-gen-key', 'old', 'rsa2048', 'encr', '1d');
    writeFileSync(join(place.path, 'old.asc'), gpg('--armor', '--export', 'old'));
    execFileSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: home } });
    plan('{ gpg: { recipients: [signer.asc] } }');
    await refused('gpg: the key ');
    plan('{ gpg: { recipients: [old.asc] } }');
    const { stderr } = await runner(['apply', 'plan.yaml'], { cwd: place.path });
    expect(stderr).toMatch(/error key: gpg: the key [0-9A-F]{40} in \S+old\.asc expired on 2020-01-02/);
  });
});
