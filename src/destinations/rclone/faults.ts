/** What rclone said, in the words of a person. */
import { RunnerError } from '../../diagnostic.ts';

/** An answer of rclone that is an error; `said` is its own text. */
export class Fault extends Error {
  override readonly name: string = 'Fault';
  constructor(readonly said: string) {
    super(said);
  }
}

/** An answer that ended before it was whole. */
export class Cut extends Fault {
  override readonly name = 'Cut';
}

/** No answer at all, for so many seconds. */
export class Silent extends Fault {
  override readonly name = 'Silent';
  constructor(seconds: number) {
    super(`it has not answered for ${seconds} s; a slower one is waited for by \`flags: [--timeout=10m]\``);
  }
}

/** Backends without folders have no other word for a bucket that is not there. */
export const isFolderMissing = (error: unknown) => error instanceof Fault && /directory not found/i.test(error.said);

export const isMissing = (error: unknown) =>
  error instanceof Fault &&
  /object not found|directory not found|is a directory not a file|not a regular file|no such file or directory|: not a directory/i.test(
    error.said,
  );

const reasons: [RegExp, string][] = [
  [
    /didn't find section in config|config file .*not found/i,
    'rclone knows no such remote: look at `rclone listremotes`',
  ],
  [
    /couldn't decrypt configuration|failed to load config file|unable to decrypt config|ask password/i,
    'its configuration is encrypted: give `config-password`',
  ],
  [
    /NoSuchBucket|ContainerNotFound|bucket .*(does not|doesn't) exist|The specified (bucket|container) does not exist/i,
    'that bucket or container does not exist',
  ],
  [/corrupted on transfer|hashes differ|checksum.*mismatch/i, 'the store does not hold what was sent'],
  [
    /no space left|disk full|quota ?exceeded|insufficient storage|storageQuota|limit exceeded|\b507\b/i,
    'the store is full',
  ],
  [/SSH_FX_FAILURE/, 'its server does not say why: a full disk or quota, or a fault of the disk'],
  [
    / 401|\b403\b|unauthori[sz]ed|forbidden|AccessDenied|AuthenticationFailed|AuthorizationFailure|permission denied|invalid_grant|invalid_client|could not find default credentials|unable to authenticate|login incorrect/i,
    'the credentials are not accepted there, or may not do that',
  ],
  [
    /connection refused|no such host|network is unreachable|no route to host|i\/o timeout|timed? ?out|deadline exceeded|connection reset|unexpected EOF|broken pipe|TLS handshake/i,
    'it cannot be reached',
  ],
];

/** One sentence: which destination, what was done, why, and what rclone said of it. RunnerErrors pass as they are. */
export function explained(error: unknown, name: string, doing: string, what: string): Error {
  if (!(error instanceof Fault)) return error as Error;
  const said = plainly(error.said);
  const sentence = (because: string) =>
    new RunnerError(`Destination ${name}: cannot ${doing} ${what}: ${because.replace(/\.+$/, '')}.`, { cause: error });
  if (error instanceof Silent) return sentence(said);
  const why = reasons.find(([pattern]) => pattern.test(said))?.[1];
  const quoted = said === '' ? 'rclone did not say why' : `rclone says: ${said}`;
  return sentence(why === undefined ? quoted : `${why} (${quoted})`);
}

/** One line without times, levels, places in somebody's source, and the signed parts of URLs. */
function plainly(said: string): string {
  return said
    .replaceAll(/(?:-> )?github\.com\/\S+ \S+\.go:\d+\s*/g, '')
    .replace(/=+ RESPONSE ERROR \(ServiceCode=(\w*)\) =+\s*Description=(.*?), Details: .*$/s, '$1: $2')
    .replaceAll(/(https?:\/\/[^\s"'?]+)\?[^\s"']*/g, '$1?…')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 600);
}

/** The last thing of weight in the standard error of an rclone that failed. */
export function lastWords(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '').trim())
    .filter((line) => line !== '' && !/^(NOTICE|INFO|DEBUG)\b/.test(line));
  return (lines.findLast((line) => /failed|error|fatal|critical/i.test(line)) ?? lines.at(-1) ?? '').replace(
    /^(ERROR|CRITICAL|FATAL) *: */,
    '',
  );
}
