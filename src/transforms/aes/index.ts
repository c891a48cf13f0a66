import type { Command } from '../../command.ts';
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { StageRecord } from '../../graph.ts';
import type { Facts, TransformKind } from '../../kind.ts';
import type { TransformAes as AesSpec } from '../../plan/generated/types.ts';

const defaultIterations = 600_000;

function crypt(direction: 'encrypt' | 'decrypt', secret: string, iterations: number, facts: Facts): Command {
  const rounds = String(iterations);
  const feed = [{ fd: 3, value: { secret } }];
  if (!usable(facts)) return { argv: ['runner-builtin', `aes-${direction}`, '--iterations', rounds], feed };
  const mode = direction === 'encrypt' ? '-salt' : '-d';
  return { argv: ['openssl', 'enc', mode, '-aes-256-cbc', '-pbkdf2', '-iter', rounds, '-pass', 'fd:3'], feed };
}

/** Older ones know no PBKDF2; then Node's own crypto serves, byte for byte the same. */
function usable(facts: Facts): boolean {
  const openssl = facts.programs.openssl;
  return Boolean(openssl) && !/^(OpenSSL (0\.|1\.0)|LibreSSL [12]\.)/.test(openssl!.version);
}

/** The spec is empty where an artifact is opened and no transform of the plan is of this type. */
function keyOf(spec: Partial<AesSpec>): string {
  if (spec.key) return spec.key.secret;
  throw new RunnerError(
    'The artifact is sealed with aes, and the plan names no key for it: add `aes: { key: { secret: NAME } }` to its transforms.',
    {
      exitCode: ExitCode.usage,
    },
  );
}

function iterationsOf(record: StageRecord): number {
  return Number(record.parameters.iterations ?? defaultIterations);
}

export const aes: TransformKind<AesSpec> = {
  role: 'transform',
  type: 'aes',
  extension: '.enc',
  encrypts: true,
  compresses: false,
  programs: () => ['openssl'],
  requirements: (spec, direction) => [
    {
      need: 'secret',
      secret: keyOf(spec),
      why: direction === 'forward' ? 'aes encrypts with it' : 'aes decrypts with it',
      format: 'openssl-passphrase',
    },
  ],
  forward: (spec, facts) => ({
    command: crypt('encrypt', spec.key.secret, spec.iterations ?? defaultIterations, facts),
  }),
  inverse: (spec, record, facts) => ({ command: crypt('decrypt', keyOf(spec), iterationsOf(record), facts) }),
  record: (spec) => ({
    type: 'aes',
    extension: '.enc',
    parameters: { iterations: spec.iterations ?? defaultIterations },
  }),
  keys: (spec) => [{ type: 'aes', id: spec.key.secret }],
  passphrase: (spec) => ({ secret: spec.key.secret, iterations: spec.iterations ?? defaultIterations }),
  manual: (record) => `openssl enc -d -aes-256-cbc -pbkdf2 -iter ${iterationsOf(record)} -pass file:PASSPHRASE_FILE`,
};
