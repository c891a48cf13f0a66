/** What restic says went wrong, in the words of a person. */
import { RunnerError } from '../../diagnostic.ts';
import { lastAnswer, missesLock } from './retries.ts';

/** How a call of restic ended. */
export type Ended = {
  exitCode?: number | undefined;
  signal?: string | undefined;
  /** `ENOENT` where there is no such program. */
  code?: string | undefined;
  timedOut?: boolean;
  stderr: string;
};

type Kind = 'missing' | 'locked' | 'password' | 'gone' | 'unfinished' | 'damaged' | 'other';

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
  ['missing', 10, /repository does not exist|config file does not exist/],
  ['locked', 11, /already locked/],
  ['password', 12, /wrong password or no key found/],
  ['gone', null, /no matching ID|no snapshot(s)? (was )?found|failed to find snapshot|snapshot .* not found/i],
  // An index that another is just writing, where a store shows a file before it is whole (rclone's folders, SFTP, FTP). Damage
  // looks the same, and stays. In JSON newer versions write < and > as \u003c and \u003e.
  ['unfinished', null, /\bload(raw)?\W*(u003c)?index\/[0-9a-f]+\W*(u003e)?\W*invalid data returned/i],
  [
    'damaged',
    null,
    /ciphertext verification failed|invalid data returned|hash (mismatch|does not match)|data corruption/i,
  ],
];

/**
 * Before 0.17 restic asks `Is there a repository at the following location?` whatever kept it from its configuration: a server that is
 * down or refuses the credentials too, and those are no reason to believe that there is nothing. So the answer of the store decides.
 */
const notThere =
  /no such file or directory|(file|key|bucket|object|blob|container|config\/?>) ((does not|doesn't) exist|not found)|\b404\b/i;

function kindOf({ stderr, exitCode }: Ended): Kind {
  const [kind] = kinds.find(([, code, words]) => (code !== null && exitCode === code) || words.test(stderr)) ?? [];
  if (kind !== undefined) return kind;
  if (missesLock(stderr)) return 'locked';
  const isAsked = /Is there a repository at the following location/.test(stderr);
  return isAsked && notThere.test(stderr) ? 'missing' : 'other';
}

/** The fault of a call that did not end well. */
export function faultOf({ name, repository }: Place, doing: string, ended: Ended): ResticFault {
  const { stderr } = ended;
  const kind = kindOf(ended);
  const say = (text: string) => new ResticFault(kind, `Destination ${name}: ${text}`);
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
  if (/no space left on device/i.test(stderr))
    return 'no space is left there: free some, or choose another destination';
  const lines = stderr.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const answer = timedOut || /context canceled/.test(stderr) ? lastAnswer(lines) : undefined;
  if (answer !== undefined) return answer.replace(/\.+$/, '').slice(0, 500);
  if (timedOut) return 'it gave no answer in time';
  // What restic starts says why it left; restic itself only that it did.
  const helper = lines.findLast((line) => /^subprocess /.test(line))?.replace(/^subprocess \S+ /, '');
  const told = helper ?? lines.findLast((line) => /^(Fatal|error|unable)/i.test(messageOf(line))) ?? lines.at(-1);
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
