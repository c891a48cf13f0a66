import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { gpg, recipientsOf } from '../../src/transforms/gpg/index.ts';
import { describeTransform } from '../contracts/describe.ts';
import { Machine } from '../contracts/machine.ts';
import { noise } from '../contracts/transform.ts';
import { has } from '../helpers/programs.ts';
import { keyPassphrase, makeKey, makeKeyring } from './gpg-keys.ts';

const withGpg = describe.skipIf(!has('gpg'));
const rings: { end(): void }[] = [];
afterAll(() => {
  for (const ring of rings) ring.end();
});
const ring = (files: string[]) => {
  const made = makeKeyring(files);
  rings.push(made);
  return made.home;
};

withGpg('to two key files, opened by a key file with a passphrase', () =>
  describeTransform('gpg', async () => {
    const ours = await makeKey('ours', { passphrase: keyPassphrase });
    const other = await makeKey('other');
    const stranger = await makeKey('stranger');
    const spec = {
      recipients: [other.publicFile, ours.publicFile],
      identity: ours.privateFile,
      passphrase: { secret: 'key-passphrase' },
    };
    return {
      kind: gpg,
      spec,
      secrets: { 'key-passphrase': keyPassphrase },
      wrong: { spec: { ...spec, identity: stranger.privateFile } },
      environment: { GNUPGHOME: ring([other.privateFile]) },
      findsFlips: true,
    };
  }),
);

withGpg('by a passphrase', () =>
  describeTransform('gpg', () => {
    const file = `${makeKeyring([]).home}/passphrase`;
    writeFileSync(file, keyPassphrase);
    return {
      kind: gpg,
      spec: { passphrase: { secret: 'backup-key' } },
      secrets: { 'backup-key': keyPassphrase },
      wrong: { secrets: { 'backup-key': 'another' } },
      placeholders: { PASSPHRASE_FILE: file },
      environment: { GNUPGHOME: ring([]) },
      findsFlips: true,
    };
  }),
);

withGpg('to a fingerprint of the keyring, signed from it', () =>
  describeTransform('gpg', async () => {
    const ours = await makeKey('ours');
    const stranger = await makeKey('stranger');
    const home = ring([ours.privateFile]);
    const spec = { recipients: [ours.fingerprint], 'sign-with': ours.fingerprint };
    return {
      kind: gpg,
      spec,
      wrong: { spec: { ...spec, identity: stranger.privateFile } },
      environment: { GNUPGHOME: home },
      findsFlips: true,
    };
  }),
);

withGpg('to a key file, signed by a key file', () =>
  describeTransform('gpg', async () => {
    const ours = await makeKey('ours');
    const signer = await makeKey('signer');
    const stranger = await makeKey('stranger');
    const spec = { recipients: [ours.publicFile], identity: ours.privateFile, 'sign-with': signer.privateFile };
    return {
      kind: gpg,
      spec,
      wrong: { spec: { ...spec, identity: stranger.privateFile } },
      environment: { GNUPGHOME: ring([ours.privateFile]) },
      findsFlips: true,
    };
  }),
);

describe('gpg key files', () => {
  const read = async (path: string) => readFileSync(path);
  const problems = async (spec: object) => (await gpg.inspect!(spec as never, read)).problems.map((p) => p.message);

  it('tells who can open it and until when', async () => {
    const key = await makeKey('ops');
    const spec = { recipients: [key.publicFile] as [string] };
    const inspection = await gpg.inspect!(spec, read);
    expect(inspection.problems).toEqual([]);
    expect(gpg.keys(spec, inspection)).toEqual([
      { type: 'gpg', id: key.fingerprint, recipients: ['ops <ops@example.org>'] },
    ]);
  });

  it('refuses a key that cannot serve, before anything starts', async () => {
    const old = await makeKey('old', { expired: true });
    const signing = await makeKey('signing', { signOnly: true });
    const good = await makeKey('good');
    expect(await problems({ recipients: [old.publicFile] })).toEqual([expect.stringMatching(/expired on \d{4}-/)]);
    expect(await problems({ recipients: [signing.publicFile] })).toEqual([expect.stringMatching(/cannot encrypt/)]);
    expect(await problems({ recipients: [good.privateFile] })).toEqual([
      expect.stringMatching(/holds a private key: name a file with the public key instead/),
    ]);
    expect(await problems({ recipients: ['/nowhere.asc'] })).toEqual([expect.stringMatching(/cannot be read/)]);
    expect(await problems({ recipients: [import.meta.filename] })).toEqual([
      expect.stringMatching(/no key of OpenPGP/),
    ]);
    expect(await problems({ recipients: [good.publicFile], 'sign-with': good.publicFile })).toEqual([
      expect.stringMatching(/no private key to sign with/),
    ]);
    expect(await problems({ recipients: [good.fingerprint], 'sign-with': good.privateFile })).toEqual([
      expect.stringMatching(/write all as files/),
    ]);
  });

  it('refuses a file with two keys, of which gpg would take the first only', async () => {
    const { readKey, PacketList } = await import('openpgp');
    const keys = [await makeKey('first'), await makeKey('second')];
    const packets = new PacketList();
    for (const { publicFile } of keys)
      packets.push(...(await readKey({ armoredKey: readFileSync(publicFile, 'utf8') })).toPacketList());
    const file = `${keys[0]!.publicFile}.both`;
    writeFileSync(file, packets.write());
    expect(await problems({ recipients: [file] })).toEqual([expect.stringMatching(/holds 2 keys/)]);
  });
});

withGpg('gpg artifacts', () => {
  it('names the keys that can open one from its first 64 KiB, with no keyring', async () => {
    const key = await makeKey('ops');
    const machine = await Machine.start({ programs: ['gpg'] });
    const spec = { recipients: [key.publicFile] as [string] };
    const artifact = await machine.task().through([gpg.forward(spec, machine.facts, null)], noise(300_000));
    const { readKey } = await import('openpgp');
    const subkey = await (await readKey({ armoredKey: readFileSync(key.publicFile, 'utf8') })).getEncryptionKey();
    expect(await recipientsOf(artifact.subarray(0, 65_536))).toEqual([subkey.getKeyID().toHex().toUpperCase()]);
    await expect(recipientsOf(noise(1000))).rejects.toThrow();
    machine.end();
  });

  it('differ from a plan whose keys are others, as far as key files tell', async () => {
    const [ours, added, gone] = [await makeKey('ours'), await makeKey('added'), await makeKey('gone')];
    const machine = await Machine.start({ programs: ['gpg'] });
    const headFor = async (...keys: { publicFile: string }[]) => {
      const spec = { recipients: keys.map(({ publicFile }) => publicFile) as [string] };
      return (await machine.task().through([gpg.forward(spec, machine.facts, null)], noise(1000))).subarray(0, 65_536);
    };
    const compare = async (head: Uint8Array, ...recipients: string[]) => {
      const spec = { recipients: recipients as [string] };
      return gpg.compareRecipients!(spec, head, await gpg.inspect!(spec, async (path) => readFileSync(path)));
    };
    const head = await headFor(ours, gone);
    expect(await compare(head, gone.publicFile, ours.publicFile)).toEqual([]);
    expect(await compare(head, ours.publicFile, added.publicFile)).toEqual([
      `the key ${added.fingerprint} added <added@example.org> does not open it`,
      expect.stringMatching(/^the key [0-9A-F]{16} opens it, and the plan does not name that$/),
    ]);
    // Whose subkeys a fingerprint stands for, only a keyring knows.
    expect(await compare(head, ours.publicFile, added.fingerprint)).toEqual([]);
    expect(await compare(head, ours.fingerprint)).toBeNull();
    machine.end();
  });

  it('refuses one whose signature is of another key', async () => {
    const ours = await makeKey('ours');
    const signer = await makeKey('signer');
    const forger = await makeKey('forger');
    const spec = { recipients: [ours.publicFile] as [string], identity: ours.privateFile };
    const machine = await Machine.start({ programs: ['gpg'] });
    const read = async (path: string) => readFileSync(path);
    const forged = { ...spec, 'sign-with': forger.privateFile };
    const inspection = await gpg.inspect!(forged, read);
    const artifact = await machine.task().through([gpg.forward(forged, machine.facts, inspection)], noise(1000));
    const checking = { ...spec, 'sign-with': signer.privateFile };
    const opening = machine.task().through([gpg.inverse(checking, gpg.record(forged), machine.facts)], artifact);
    await expect(opening).rejects.toThrow(/No public key/);
    machine.end();
  });

  it('says which passphrase is missing where a plan has none', () => {
    const record = gpg.record({ passphrase: { secret: 'x' } });
    expect(() => gpg.inverse({} as never, record, { programs: {} })).toThrow(/the plan names none/);
  });
});
