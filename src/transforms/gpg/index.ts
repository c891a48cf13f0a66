import type { KeyReference, TransformKind } from '../../kind.ts';
import type { TransformGpg as GpgSpec } from '../../plan/generated/types.ts';
import { requireProgram } from '../require-program.ts';
import { decrypt, encrypt } from './commands.ts';
import { inspect } from './inspect.ts';
import { compareRecipients } from './recipients.ts';
import { isFile, isSymmetric, type KeyFacts } from './spec.ts';

export { recipientsOf } from './recipients.ts';

export const gpg: TransformKind<GpgSpec> = {
  role: 'transform',
  type: 'gpg',
  extension: '.gpg',
  encrypts: true,
  compresses: false,
  programs: () => ['gpg'],
  // Who names keys of the keyring means to use it; who names files may not have one.
  opens: (spec) => (isSymmetric(spec) || spec.identity || !spec.recipients!.every(isFile) ? 'yes' : 'keyring'),
  inspect,
  requirements: (spec, direction) => {
    const forward = direction === 'forward';
    const program = requireProgram('gpg', forward ? 'it encrypts with gpg' : 'it was encrypted with gpg', {
      debian: 'gnupg',
      brew: 'gnupg',
    });
    const needsPassphrase = spec.passphrase && (!forward || isSymmetric(spec) || spec['sign-with']);
    return [
      program,
      ...(needsPassphrase
        ? [
            {
              need: 'secret',
              secret: spec.passphrase!.secret,
              why: 'gpg needs the passphrase',
              format: 'line',
            } as const,
          ]
        : []),
      ...(!forward && spec.identity
        ? [{ need: 'path', path: spec.identity, what: 'file', why: 'gpg decrypts with this key' } as const]
        : []),
    ];
  },
  forward: encrypt,
  inverse: (spec, record) => decrypt(spec, record),
  record: (spec) => ({
    type: 'gpg',
    extension: '.gpg',
    parameters: { symmetric: isSymmetric(spec), signed: spec['sign-with'] !== undefined },
  }),
  keys: (spec, inspection) => {
    if (isSymmetric(spec)) return [{ type: 'gpg', id: spec.passphrase!.secret }];
    const known = (inspection?.data.recipients as KeyFacts[] | undefined) ?? [];
    const named = (spec.recipients ?? []).filter((recipient) => !isFile(recipient));
    return [
      ...known.map(({ fingerprint, users }): KeyReference => ({ type: 'gpg', id: fingerprint, recipients: users })),
      ...named.map((id): KeyReference => ({ type: 'gpg', id: id.toUpperCase() })),
    ];
  },
  compareRecipients,
  manual: (record) =>
    [
      'gpg',
      ...(record.parameters.symmetric === true
        ? ['--batch', '--pinentry-mode loopback', '--passphrase-file PASSPHRASE_FILE']
        : []),
      ...(record.parameters.signed === true ? ['--skip-verify'] : []),
      '--decrypt',
    ].join(' '),
};
