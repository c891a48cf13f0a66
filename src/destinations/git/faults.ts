/** What Git says when it fails, in the words of a person. */
import { RunnerError } from '../../diagnostic.ts';

const reasons: readonly [RegExp, string][] = [
  [
    /Permission denied \(/i,
    'the server refuses the key: add its public half there, with the right to write, or name another in "key"',
  ],
  [
    /REMOTE HOST IDENTIFICATION HAS CHANGED/i,
    'the server shows another host key than the known one: find out why before you go on',
  ],
  [
    /Host key verification failed/i,
    'the host key of the server is not known: put it into "known-hosts" (ssh-keyscan, then compare)',
  ],
  [
    /does not appear to be a git repository|Repository not found|repository '.*' not found|not a git repository/i,
    'there is no repository, or these credentials may not see it: make it first (git init --bare), or correct "repository"',
  ],
  [/Could not resolve host/i, 'the name of the server is not known'],
  [
    /Authentication failed|could not read (?:Username|Password)|invalid credentials|returned error: 40[13]|HTTP Basic: Access denied/i,
    'the server refuses the credentials: give a token with the right to write in "token"',
  ],
  [
    /dubious ownership/i,
    'the repository belongs to another user: chown it, or name it in safe.directory of your Git configuration',
  ],
  [/refusing to update checked out branch/i, 'the branch is checked out there: the repository must be a bare one'],
  [/GH001|exceeds .*file size limit|file is too large/i, 'a file is larger than the server takes'],
  [/No space left on device/i, 'no space is left'],
  [/Disk quota exceeded/i, 'the disk quota is used up'],
  [
    /hook declined|protected branch|not allowed to (?:push|force)|denied|prohibited|funny refname|denying/i,
    'the server does not let this be pushed',
  ],
  [/Connection refused/i, 'nothing answers there: is the server running, and the port right'],
  [/timed out|timeout/i, 'the server did not answer in time'],
  [
    /Connection (?:reset|closed|to .* closed)|Broken pipe|early EOF|hung up unexpectedly|unexpected disconnect|RPC failed|Network is unreachable|No route to host|Could not read from remote|connection was aborted|kex_exchange/i,
    'the connection broke',
  ],
  [/Unable to create '.*\.lock'|cannot lock ref/i, 'another program holds a lock there; if none is running, remove it'],
];

/** The same as one sentence: which destination, what was done, why; where the server has words of its own, with them. */
export function gitFault(name: string, doing: string, where: string, stderr: string): RunnerError {
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines
    .filter((line) => line.startsWith('remote: ') && /\w/.test(line.slice(8)))
    .map((line) => line.slice(8).trim())
    .slice(0, 4);
  const reason = reasons.find(([pattern]) => pattern.test(stderr))?.[1];
  const own =
    lines.find((line) => /^(?:fatal|error|ssh|!)/.test(line)) ?? lines.find((line) => line !== '') ?? 'git failed';
  const why = reason ?? own.replace(/^(?:fatal|error): /, '').slice(0, 300);
  const words = said.length > 0 ? ` (it says: ${said.join(' / ').slice(0, 400)})` : '';
  return new RunnerError(`Destination ${name}: cannot ${doing} ${where}: ${why}${words}.`);
}
