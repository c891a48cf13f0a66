/**
 * RECOVERY.md: how to get the data back by hand, for a person at three in the morning who does not have this program. It stands
 * beside the backups, is signed where the plan signs, and is written anew by every run.
 */
import type { Destination } from '../destination.ts';
import { quotedWord } from '../shell.ts';
import { partLabel, partOf, recoveryOf } from './artifacts.ts';
import type { Manifest } from './format.ts';
import { keyFile } from './key-file.ts';
import { manifestKey, planKeys, signatureKey } from './keys.ts';
import { publicKeyLine, type SigningKey, signatureNamespace, signMessage } from './signing.ts';

export type RecoveryBackup = {
  name: string;
  /** Its newest good backup at this destination; null: there is none. */
  newest: { manifest: Manifest; sha256: string } | null;
  /** Good ones here, and the time of the oldest (RFC 3339). */
  good: number;
  oldest: string | null;
};

export type RecoveryInput = {
  plan: string;
  /** Where this destination is, for a person: a path or a URL without secrets. */
  place: string;
  /** When the page was written. */
  now: Date;
  backups: readonly RecoveryBackup[];
  /** The shell words that bring the object of a key into the current folder under its own last name. */
  fetch(key: string): string;
  /** The plan's public key; null: nothing is signed. */
  publicKey: Uint8Array | null;
};

/** The page's text. It names keys, never their values. */
export function renderRecovery(input: RecoveryInput): string {
  const { plan, place, now, backups } = input;
  const keys = keysOf(backups);
  return [
    ...(input.publicKey ? signedHead(input, input.publicKey) : []),
    `# How to recover the backups of \`${plan}\` by hand`,
    '',
    `Written ${now.toISOString()} for ${place}. The program that made these backups is not needed: every command below is a stock`,
    'one. Work in an empty folder on a disk with room for the data, and copy the commands one by one. Nothing here changes or',
    'deletes a backup.',
    '',
    '## What is here',
    '',
    '| backup | newest good one | time of its data | good ones | back to |',
    '|---|---|---|---|---|',
    ...backups.map(row),
    '',
    '## Keys you need',
    '',
    ...(keys.length > 0
      ? [
          ...keys,
          '',
          'Their values are not here. Where a command below says a name in capital letters, put the file with that key there.',
        ]
      : ['None: these backups are not encrypted.']),
    '',
    ...backups.flatMap((backup) => section(input, backup)),
    '## An older backup',
    '',
    'Every backup has a manifest, `<id>.manifest.json`, below `<plan>/<backup>/<year>/<month>/`. It is a text file: `artifacts` says',
    'where the data lies (`key`) and its SHA-256, `recovery` is the command that opens it. Do as above with its values.',
    '',
  ].join('\n');
}

/** Writes the page and, with a signing key, its signature. */
export async function writeRecovery(
  destination: Destination,
  input: RecoveryInput,
  key: SigningKey | null,
): Promise<void> {
  const page = Buffer.from(renderRecovery(input));
  await destination.replace(planKeys.recovery(input.plan), page);
  if (key) await destination.replace(planKeys.recoverySignature(input.plan), signMessage(page, key));
}

/** The line that checks the page comes first: what follows it is only as good as its author. */
function signedHead({ plan }: RecoveryInput, publicKey: Uint8Array): string[] {
  return [
    `Check first: \`${verifyLine(plan, 'RECOVERY.md')}\``,
    '',
    'The file `allowed_signers` is made from the public key that is kept *with the plan*, not with the backups:',
    '',
    `    echo '${plan} <the line of the .pub file>' > allowed_signers`,
    '',
    `When this page was written that line was \`${publicKeyLine(publicKey)}\`; do not take it from here. If the check does not say`,
    '`Good`, somebody else may have written this page: run nothing of it.',
    '',
  ];
}

function verifyLine(plan: string, file: string): string {
  return `ssh-keygen -Y verify -f allowed_signers -I ${plan} -n ${signatureNamespace} -s ${file}.sig < ${file}`;
}

function row({ name, newest, good, oldest }: RecoveryBackup): string {
  const moment = newest ? newest.manifest.moment.to : '-';
  return `| ${name} | ${newest ? `\`${newest.manifest.id}\`` : 'none'} | ${moment} | ${good} | ${oldest ?? '-'} |`;
}

function keysOf(backups: readonly RecoveryBackup[]): string[] {
  const lines = backups.flatMap(({ name, newest }) =>
    (newest?.manifest.keys ?? []).map(({ type, id, recipients }) => {
      const to = recipients && recipients.length > 0 ? `, for ${recipients.map((one) => `\`${one}\``).join(', ')}` : '';
      return `- \`${name}\`: ${type} key \`${id}\`${to}${whereToPut(type, id, recoveryLines(newest!.manifest))}`;
    }),
  );
  return [...new Set(lines)];
}

function recoveryLines(manifest: Manifest): string[] {
  return manifest.artifacts.flatMap((artifact) => recoveryOf(manifest, artifact));
}

/** What a person does with a key before the commands work. */
function whereToPut(type: string, id: string, recovery: readonly string[]): string {
  if (recovery.some((line) => line.includes(keyFile(id)))) return `: ${keyFile(id)} below`;
  if (type === 'gpg') return ': import its private key first, `gpg --import FILE`';
  return type === 'age' ? ': IDENTITY_FILE below' : '';
}

function section(input: RecoveryInput, { name, newest }: RecoveryBackup): string[] {
  if (!newest) return [`## ${name}`, '', 'There is no good backup of it here.', ''];
  const { manifest } = newest;
  const { plan, fetch } = input;
  const steps = manifest.artifacts.flatMap((artifact) => {
    const { key, sha256 } = artifact;
    const file = word(lastName(key));
    const part = partLabel(partOf(artifact));
    return [
      ...(part === '' ? [] : ['', `# ${oneLine(part)}`]),
      '# fetch it',
      fetch(key),
      '# every byte of it must be as it was',
      `echo '${sha256}  '${file} | sha256sum -c -`,
      '# open it',
      ...recoveryOf(manifest, artifact).map((line) => line.replaceAll('ARTIFACT', () => file)),
    ];
  });
  const id = manifest.id;
  const manifestFile = lastName(manifestKey(plan, id));
  const signature = input.publicKey
    ? ['# who made it', fetch(manifestKey(plan, id)), fetch(signatureKey(plan, id)), verifyLine(plan, manifestFile)]
    : [];
  return [
    `## ${name}`,
    '',
    `The newest good one is \`${id}\`, made on ${manifest.host} from ${manifest.source.type}; its data is of ${manifest.moment.to}.`,
    '',
    '```sh',
    ...signature,
    ...steps,
    '```',
    '',
  ];
}

/** A database may be called anything: its name must not end a comment. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

function lastName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** One word of a POSIX shell. */
function word(name: string): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.:@%+=,-]*$/.test(name) ? name : `./${quotedWord(name)}`;
}
