/** What restic says went wrong, in the words of a person. */
import { RunnerError } from '../../diagnostic.ts';

/** How a call of restic ended. */
export type Ended = {
  exitCode?: number | undefined;
  signal?: string | undefined;
  /** `ENOENT` where there is no such program. */
  code?: string | undefined;
  timedOut?: boolean;
  stderr: string;
};

type Kind = 'missing' | 'locked' | 'password' | 'gone' | 'damaged' | 'other';

/** One sentence of what restic could not do. `kind` says what can be done about it. */
export class ResticFault extends RunnerError {
  readonly kind: Kind;

  constructor(kind: Kind, message: string) {
    super(message);
    this.kind = kind;
  }
}

type Place = { name: string; repository: string };

/** Exit codes since restic 0.17; its words before. */
const kinds: [Kind, number | null, RegExp][] = [
  [
    'missing',
    10,
    /Is there a repository at the following location|repository does not exist|config file does not exist/,
  ],
  ['locked', 11, /already locked/],
  ['password', 12, /wrong password or no key found/],
  ['gone', null, /no matching ID|no snapshot(s)? (was )?found|failed to find snapshot|snapshot .* not found/i],
  [
    'damaged',
    null,
    /ciphertext verification failed|invalid data returned|hash (mismatch|does not match)|data corruption/i,
  ],
];

/** The fault of a call that did not end well. */
export function faultOf({ name, repository }: Place, doing: string, ended: Ended): ResticFault {
  const { stderr, exitCode } = ended;
  const [kind] = kinds.find(([, code, words]) => (code !== null && exitCode === code) || words.test(stderr)) ?? [
    'other',
  ];
  const say = (text: string) => new ResticFault(kind as Kind, `Destination ${name}: ${text}`);
  if (ended.code === 'ENOENT') return say('the program restic is missing: install it (restic.net).');
  if (kind === 'missing')
    return say(
      `there is no restic repository at ${repository}: make one with \`restic -r ${repository} init\`, or let the plan say \`initialize: true\`.`,
    );
  if (kind === 'password')
    return say(`the password opens no key of the repository ${repository}: correct the secret, nothing was changed.`);
  if (kind === 'locked')
    return say(
      `the repository ${repository} is locked${holder(stderr)}: wait for it, or when it is surely gone: \`restic -r ${repository} unlock\`.`,
    );
  return say(`restic could not ${doing} (${repository}): ${reason(ended)}.`);
}

/** Who holds the lock, as restic tells it. */
function holder(stderr: string): string {
  return /\bby (PID \d+ on [^\n(]+)/.exec(stderr)?.[1]?.trimEnd().replace(/^/, ' by ') ?? '';
}

function reason({ stderr, exitCode, signal, timedOut }: Ended): string {
  if (timedOut) return 'it gave no answer in time';
  if (/no space left on device/i.test(stderr))
    return 'no space is left there: free some, or choose another destination';
  const lines = stderr.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const told = lines.findLast((line) => /^(Fatal|error|unable)/i.test(messageOf(line))) ?? lines.at(-1);
  if (told !== undefined)
    return messageOf(told)
      .replace(/^Fatal: /, '')
      .replace(/\.+$/, '')
      .slice(0, 500);
  return signal === undefined ? `it ended with exit code ${exitCode}` : `it was killed by ${signal}`;
}

/** With `--json` newer versions write their errors as JSON. */
function messageOf(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { message, error } = JSON.parse(line) as { message?: string; error?: { message?: string } };
    return message ?? error?.message ?? line;
  } catch {
    return line;
  }
}
