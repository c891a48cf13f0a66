import type { Command, Stage } from '../../command.ts';
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { StageRecord } from '../../graph.ts';
import type { Facts, Inspection } from '../../kind.ts';
import type { TransformGpg as GpgSpec } from '../../plan/generated/types.ts';
import { isFile, isSymmetric, type KeyFacts } from './spec.ts';

/** A keyring of the task's own. The name is short because a socket's path may have some 100 characters only. */
const home = { work: 'gpg' };
const quiet = ['--batch', '--no-options', '--quiet'];

const makeHome: Command = { argv: ['mkdir', '-p', '-m', '0700', home] };
/** An agent that gpg started for this keyring would outlive the run. */
const endAgent: Command = { argv: ['gpgconf', '--homedir', home, '--kill', 'all'] };

/** Keys whose private part is taken up; nothing is asked, so a passphrase stays on them. */
function importing(files: string[]): Command {
  return { argv: ['gpg', '--homedir', home, ...quiet, '--import', '--', ...files] };
}

/** The surroundings of one gpg process: a keyring of its own, or that of the user with everything it may need. */
function surroundings(
  own: boolean,
  imports: string[],
): { argv: Command['argv']; rest: Partial<Command>; around: Partial<Stage> } {
  if (!own) return { argv: ['gpg', ...quiet], rest: { inheritEnvironment: true }, around: {} };
  const withAgent = imports.length > 0;
  return {
    argv: ['gpg', '--homedir', home, ...quiet, ...(withAgent ? [] : ['--no-autostart'])],
    rest: {},
    around: {
      prepare: [makeHome, ...(withAgent ? [importing(imports)] : [])],
      ...(withAgent ? { cleanup: [endAgent] } : {}),
    },
  };
}

function passphraseOf(spec: GpgSpec): { argv: string[]; rest: Partial<Command> } {
  if (!spec.passphrase) return { argv: [], rest: {} };
  return {
    argv: ['--pinentry-mode', 'loopback', '--passphrase-fd', '3'],
    rest: { feed: [{ fd: 3, value: spec.passphrase }] },
  };
}

/** Compression is a transform of its own. The count of the passphrase's hash is given, else gpg asks an agent for it. */
export function encrypt(spec: GpgSpec, _facts: Facts, inspection: Inspection | null): Stage {
  const signer = spec['sign-with'];
  const named = [...(spec.recipients ?? []), ...(signer ? [signer] : [])].filter((key) => !isFile(key));
  const { argv, rest, around } = surroundings(named.length === 0, signer && isFile(signer) ? [signer] : []);
  const passphrase = isSymmetric(spec) || signer ? passphraseOf(spec) : { argv: [], rest: {} };
  const recipients = (spec.recipients ?? []).flatMap((key) =>
    isFile(key) ? ['--recipient-file', key] : ['--recipient', key],
  );
  const signerKey = inspection?.data.signer as KeyFacts | undefined;
  const signerName = signer && isFile(signer) ? signerKey?.fingerprint : signer;
  return {
    command: {
      ...rest,
      ...passphrase.rest,
      argv: [
        ...argv,
        ...passphrase.argv,
        '--compress-algo',
        'none',
        ...(signer ? ['--sign', ...(signerName ? ['--local-user', signerName] : [])] : []),
        ...(isSymmetric(spec)
          ? ['--symmetric', '--cipher-algo', 'AES256', '--s2k-digest-algo', 'SHA512', '--s2k-count', '65011712']
          : ['--trust-model', 'always', ...recipients, '--encrypt']),
      ],
    },
    ...around,
  };
}

/** A signature is checked where its key is at hand; what authenticates a backup is its manifest. */
export function decrypt(spec: GpgSpec, record: StageRecord): Stage {
  const symmetric = record.parameters.symmetric === true;
  if (symmetric && !spec.passphrase)
    throw new RunnerError(
      'The artifact is sealed by gpg with a passphrase, and the plan names none: add `passphrase: { secret: NAME }` to its gpg transform.',
      { exitCode: ExitCode.usage },
    );
  const own = symmetric || spec.identity !== undefined;
  const signer = record.parameters.signed === true ? spec['sign-with'] : undefined;
  const verifies = signer !== undefined && isFile(signer) === own;
  const imports = [
    ...(!symmetric && spec.identity ? [spec.identity] : []),
    ...(own && verifies && signer ? [signer] : []),
  ];
  const { argv, rest, around } = surroundings(own, imports);
  const passphrase = passphraseOf(spec);
  return {
    command: {
      ...rest,
      ...passphrase.rest,
      argv: [...argv, ...passphrase.argv, ...(verifies ? [] : ['--skip-verify']), '--decrypt'],
    },
    ...around,
  };
}
