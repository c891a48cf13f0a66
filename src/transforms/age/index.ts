import type { Command } from '../../command.ts';
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { Inspection, KeyReference, ReadFile, TransformKind } from '../../kind.ts';
import type { TransformAge as AgeSpec } from '../../plan/generated/types.ts';
import { requireProgram } from '../require-program.ts';

/** A public key stands in the plan itself; everything else is the absolute path of a file. */
const isFile = (recipient: string) => recipient.startsWith('/');
const publicKey = /^(age1[0-9a-z]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?)$/;

/** The public keys of a recipients file, or what is wrong with it. */
async function readRecipients(file: string, read: ReadFile): Promise<{ keys: string[]; problems: string[] }> {
  let text: string;
  try {
    text = Buffer.from(await read(file)).toString('utf8');
  } catch (error) {
    return { keys: [], problems: [`the recipients file ${file} cannot be read: ${(error as Error).message}`] };
  }
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) return { keys: [], problems: [`the recipients file ${file} names no public key`] };
  if (lines.some((line) => line.startsWith('AGE-SECRET-KEY-') || line.includes('PRIVATE KEY')))
    return { keys: [], problems: [`${file} holds a private key: name a file with the public key instead`] };
  const wrong = lines.findIndex((line) => !publicKey.test(line));
  if (wrong >= 0) return { keys: [], problems: [`${file} holds a line that is not a public key of age or ssh`] };
  return { keys: lines, problems: [] };
}

async function inspect(spec: AgeSpec, read: ReadFile): Promise<Inspection> {
  const problems: { message: string }[] = [];
  const recipients: string[] = [];
  for (const recipient of spec.recipients) {
    if (isFile(recipient)) {
      const found = await readRecipients(recipient, read);
      problems.push(...found.problems.map((message) => ({ message: `age: ${message}` })));
      recipients.push(...found.keys);
    } else if (publicKey.test(recipient)) recipients.push(recipient);
    else problems.push({ message: `age: "${recipient}" is neither a public key nor a file` });
  }
  return { problems, data: { recipients } };
}

function encrypt(spec: AgeSpec): Command {
  const names = spec.recipients.flatMap((recipient) =>
    isFile(recipient) ? ['--recipients-file', recipient] : ['--recipient', recipient],
  );
  return { argv: ['age', '--encrypt', ...names] };
}

/** The spec is empty where an artifact is opened and no transform of the plan is of this type. */
function identitiesOf(spec: Partial<AgeSpec>): NonNullable<AgeSpec['identities']> {
  if (spec.identities) return spec.identities;
  throw new RunnerError(
    'An artifact that is sealed with age cannot be opened: the plan names no `identities` (private keys) in its age transform.',
    { exitCode: ExitCode.usage },
  );
}

/** age reads private keys from files only, so a secret lies in the task's private directory while it runs. */
function decrypt(spec: AgeSpec): { command: Command; prepare?: Command[]; cleanup?: Command[] } {
  const identities = identitiesOf(spec);
  if (!Array.isArray(identities)) {
    const file = { work: `age-${identities.secret}` };
    return {
      prepare: [{ argv: ['runner-builtin', 'save', file], feed: [{ fd: 0, value: { secret: identities.secret } }] }],
      command: { argv: ['age', '--decrypt', '--identity', file] },
      cleanup: [{ argv: ['rm', '-f', file] }],
    };
  }
  return { command: { argv: ['age', '--decrypt', ...identities.flatMap((file) => ['--identity', file])] } };
}

export const age: TransformKind<AgeSpec> = {
  role: 'transform',
  type: 'age',
  extension: '.age',
  encrypts: true,
  compresses: false,
  programs: () => ['age'],
  opens: (spec) => (spec.identities ? 'yes' : 'no'),
  inspect,
  requirements: (spec, direction) => {
    const why = direction === 'forward' ? 'it encrypts with age' : 'it was encrypted with age';
    const program = requireProgram('age', why, { debian: 'age', brew: 'age' });
    if (direction === 'forward') return [program];
    const identities = identitiesOf(spec);
    if (!Array.isArray(identities))
      return [program, { need: 'secret', secret: identities.secret, why: 'age decrypts with it' }];
    const files = identities.map(
      (path) => ({ need: 'path', path, what: 'file', why: 'age decrypts with it' }) as const,
    );
    return [program, ...files];
  },
  forward: (spec) => ({ command: encrypt(spec) }),
  inverse: (spec) => decrypt(spec),
  record: () => ({ type: 'age', extension: '.age', parameters: {} }),
  keys: (spec, inspection) =>
    ((inspection?.data.recipients as string[] | undefined) ?? spec.recipients).map(
      (id): KeyReference => ({ type: 'age', id }),
    ),
  manual: () => 'age --decrypt --identity IDENTITY_FILE',
};
