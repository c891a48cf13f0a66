/** The commit record of a backup: written once, byte-identical at every destination, read with suspicion. */
import { createHash } from 'node:crypto';
import type { Destination } from '../destination.ts';
import { RunnerError } from '../diagnostic.ts';
import { type MacKey, macProblem, mostIterations, withMac } from './authenticity.ts';
import { canonicalText, Damaged, parseDocument, readDocument } from './document.ts';
import { Format, type Manifest } from './format.ts';
import { parseId } from './identity.ts';
import { claimProblem } from './layout.ts';
import {
  amount,
  checked,
  count,
  hex,
  list,
  matching,
  members,
  nullable,
  optional,
  record,
  text,
  time,
  wrong,
} from './shape.ts';
import { type SigningKey, signatureProblem, signMessage } from './signing.ts';

export type ReadManifest = { manifest: Manifest; bytes: Uint8Array; sha256: string };

/** The bytes to write everywhere, their SHA-256 (the identity of a copy) and, with a signing key, their signature. */
export async function sealManifest(
  manifest: Manifest,
  o: { sign?: SigningKey | null; mac?: MacKey | null } = {},
): Promise<{ bytes: Uint8Array; sha256: string; signature: Uint8Array | null }> {
  const { mac: _, ...bare } = manifest;
  const bytes = Buffer.from(o.mac ? await withMac(manifest, o.mac) : canonicalText(bare));
  parseManifest(bytes, `The manifest of ${manifest.id}`);
  return { bytes, sha256: sha256Of(bytes), signature: o.sign ? signMessage(bytes, o.sign) : null };
}

/**
 * Reads the manifest at a key. Throws KeyMissing, MadeByNewer (leave it alone) or Damaged (one sentence): cut, changed so that
 * it no longer makes sense, of another backup than its name says, or naming keys that are not its own.
 */
export async function readManifest(destination: Destination, key: string): Promise<ReadManifest> {
  const { bytes } = await readDocument(destination, key, Format.manifest);
  const manifest = parseManifest(bytes, `The manifest ${key} at ${destination.name}`);
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (name !== `${manifest.id}.manifest.json` || key.split('/')[0] !== manifest.plan.name) {
    throw new Damaged(
      `The manifest ${key} at ${destination.name} is damaged: it speaks of ${manifest.id} of plan ${manifest.plan.name}.`,
    );
  }
  return { manifest, bytes, sha256: sha256Of(bytes) };
}

/** Checks the bytes of a manifest, of whatever origin. `name` begins the sentence of Damaged. */
export function parseManifest(bytes: Uint8Array, name: string): Manifest {
  const value = parseDocument(bytes, Format.manifest, name);
  const manifest = checked<Manifest>(value, manifestShape, name);
  const identity = parseId(manifest.id);
  if (identity?.backup !== manifest.backup)
    throw new Damaged(`${name} is damaged: its id ${manifest.id} is not one of ${manifest.backup}.`);
  for (const { key } of manifest.artifacts) {
    const problem = claimProblem(manifest.plan.name, manifest.id, key);
    if (problem)
      throw new Damaged(
        `${name} is refused: it names the artifact ${JSON.stringify(key.slice(0, 200))}, but ${problem}.`,
      );
  }
  return manifest;
}

/** What must prove a manifest: the plan's public keys where it signs, the passphrase where that seals the artifact. */
export type Trust = { publicKeys?: readonly Uint8Array[] | null; passphrase?: string | null };

/**
 * Proves who made a manifest, and says by what. Where the plan signs, the signature must fit (a MAC under the passphrase is
 * taken for backups made before it signed); else where a passphrase seals it, the MAC must. Throws RunnerError otherwise.
 */
export async function authenticate(
  read: ReadManifest,
  signature: Uint8Array | null,
  trust: Trust,
): Promise<'signature' | 'mac' | 'nothing'> {
  const { manifest, bytes } = read;
  const refuse = (why: string) =>
    new RunnerError(
      `The manifest of ${manifest.id} cannot be trusted: ${why}. Do not use this copy; try another destination.`,
    );
  const byMac = async () => {
    const problem =
      trust.passphrase != null && manifest.mac
        ? await macProblem(bytes, manifest.mac, trust.passphrase)
        : 'it has none';
    return { proven: problem === null, problem };
  };
  if (trust.publicKeys) {
    const problem = signature ? signatureProblem(bytes, signature, trust.publicKeys) : null;
    if (signature && problem === null) return 'signature';
    if (signature) throw refuse(problem!);
    if ((await byMac()).proven) return 'mac';
    throw refuse(
      'it has no signature, although the plan signs (if you know that it was made before the plan did, take `signing` out of the plan for this one command)',
    );
  }
  if (trust.passphrase == null) return 'nothing';
  if (!manifest.mac) throw refuse('it has neither signature nor MAC, although a passphrase seals it');
  const { problem } = await byMac();
  if (problem !== null) throw refuse(problem);
  return 'mac';
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const stage = members({ type: text, extension: text, parameters: record, argv: list(text), seconds: amount });
const told = optional(record);
const artifact = members({
  name: optional(text),
  purpose: matching(/^(data|globals)$/, '"data" or "globals"'),
  variant: text,
  key: text,
  size: count,
  sha256: hex,
  stages: list(stage),
  argv: optional(list(text)),
  plainSize: optional(nullable(count)),
  recovery: optional(list(text)),
  facts: told,
  answers: told,
});
const levels = list(matching(/^(checksum|content|restore)$/, 'a level of verification'));
const mac = members({
  alg: matching(/^hmac-sha256$/, 'hmac-sha256'),
  kdf: matching(/^pbkdf2-sha256$/, 'pbkdf2-sha256'),
  salt: matching(/^[0-9a-f]{16,128}$/, 'a salt'),
  iterations: (value, at) => (count(value, at) <= mostIterations ? value : wrong(at, 'a sane number of iterations')),
  value: hex,
});
const manifestShape = members({
  id: matching(/^[a-z0-9-]+-\d{8}T\d{6}Z-[a-z0-9]{6}(_[a-z0-9]{6})?$/, 'the id of a backup'),
  plan: members({ name: matching(/^[a-z0-9][a-z0-9-]*$/, 'the name of a plan'), digest: text }),
  backup: matching(/^[a-z0-9][a-z0-9-]*$/, 'the name of a backup'),
  purpose: matching(/^(backup|safety)$/, '"backup" or "safety"'),
  run: text,
  created: time,
  host: text,
  source: members({ type: text, name: nullable(text), argv: list(text), version: optional(text), facts: told }),
  tools: record,
  runner: text,
  moment: members({ from: time, to: time }),
  tiers: list(text),
  tags: list(text),
  required: levels,
  plainSize: nullable(count),
  seconds: amount,
  warnings: list(text),
  artifacts: list(artifact),
  keys: list(members({ type: text, id: text, recipients: optional(list(text)) })),
  sequence: count,
  previous: nullable(members({ id: text, sha256: hex })),
  recovery: list(text),
  answers: told,
  set: optional(members({ name: text, id: text, members: list(text) })),
  mac: optional(mac),
});
