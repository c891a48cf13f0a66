/** Faults of S3 in the words of a person. */
import { RunnerError } from '../../diagnostic.ts';

/** What is done to an object, and the right that it takes. */
const rights: Record<string, string> = {
  write: 's3:PutObject',
  replace: 's3:PutObject',
  read: 's3:GetObject',
  'look at': 's3:GetObject',
  list: 's3:ListBucket',
  remove: 's3:DeleteObject',
  'begin the upload of': 's3:PutObject',
  'upload a part of': 's3:PutObject',
  'count the parts of': 's3:ListMultipartUploadParts',
  'finish the upload of': 's3:PutObject',
  'abandon the upload of': 's3:AbortMultipartUpload',
  'list the unfinished uploads of': 's3:ListBucketMultipartUploads',
  copy: 's3:GetObject and s3:PutObject',
  empty: 's3:PutObject',
  'list the versions of': 's3:ListBucketVersions',
  'remove a version of': 's3:DeleteObjectVersion',
  thaw: 's3:RestoreObject',
};

const keysWrong = 'check the access key and its secret, and that both belong to this endpoint';
const full = 'no room is left there: free some, or have the quota raised';
const untrusted = 'its certificate is not trusted: name the authority in `ca`';
const away = 'the server does not answer: check `endpoint`, the network and a proxy';

const reasons: Record<string, string> = {
  NoSuchBucket: 'there is no such bucket: check `bucket`, `region` and `endpoint`',
  InvalidBucketName: 'that is no name of a bucket: check `bucket`',
  InvalidAccessKeyId: `the access key is unknown: ${keysWrong}`,
  SignatureDoesNotMatch: `the signature is refused, so the secret access key is wrong: ${keysWrong}`,
  ExpiredToken: 'the session token has expired: log in again, or use credentials that renew themselves',
  TokenRefreshRequired: 'the session token has expired: log in again, or use credentials that renew themselves',
  InvalidToken: 'the session token is refused: log in again',
  XAdminUserNotFound: `the access key is unknown: ${keysWrong}`,
  InvalidClientTokenId: `the access key is unknown: ${keysWrong}`,
  CredentialsProviderError:
    'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give `access-key-id` and `secret-access-key`, or a `profile`',
  RequestTimeTooSkewed: 'the clocks of this machine and of the server differ too much: set the clock',
  AccountProblem: 'there is a problem with the account: look at its console',
  NotSignedUp: 'the account is not signed up for S3: look at its console',
  AllAccessDisabled: 'all access to it has been disabled: look at the console of the account',
  QuotaExceeded: full,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  InsufficientStorage: full,
  InsufficientCapacity: full,
  EntityTooLarge: 'the server takes no object that large',
  SlowDown: 'the server asks to slow down, and did so at every try',
  ServiceUnavailable: 'the server is overloaded, and was so at every try',
  InternalError: 'the server reports a fault of its own, and did so at every try',
  BadDigest: 'what arrived is not what was sent: something between here and the server damages data',
  XAmzContentSHA256Mismatch: 'what arrived is not what was sent: something between here and the server damages data',
  InvalidObjectState: 'its storage class must be thawed before it can be read',
  InvalidStorageClass: 'the server does not know that storage class: check `storage-class`',
  NoSuchUpload: 'its unfinished upload is gone: another run or a lifecycle rule has removed it',
  ObjectLockConfigurationNotFoundError: 'the bucket has no object lock: make one that has, or take `object-lock` away',
  KMSNotConfigured: 'the server has no KMS: check `encryption`',
  'KMS.NotFoundException': 'there is no such KMS key: check `encryption`',
  'KMS.DisabledException': 'the KMS key is disabled: enable it',
  ETIMEDOUT: away,
  ECONNREFUSED: 'the connection is refused: check `endpoint`, and that the server runs',
  ECONNRESET: 'the connection broke, and did so at every try',
  EPIPE: 'the connection broke, and did so at every try',
  ENOTFOUND: 'the name of the server is not known: check `endpoint` and `region`',
  EAI_AGAIN: 'the name of the server cannot be looked up now: check the network',
  EHOSTUNREACH: away,
  ENETUNREACH: away,
  EPROTO: 'the server does not speak TLS there: check whether `endpoint` begins with http or https',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired: have it renewed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: check `endpoint`',
};

/** Worth another try: the server or the line may be better in a moment. */
const passing = new Set(
  `TimeoutError RequestTimeout RequestTimeTooSkewed SlowDown SlowDownRead SlowDownWrite Throttling ThrottlingException
  TooManyRequests TooManyRequestsException InternalError ServiceUnavailable OperationAborted ConditionalRequestConflict
  IncompleteBody BadDigest XAmzContentChecksumMismatch XAmzContentSHA256Mismatch Truncated
  ECONNRESET ECONNREFUSED ECONNABORTED ETIMEDOUT EPIPE EAI_AGAIN ENETDOWN ENETUNREACH ENETRESET EHOSTUNREACH
  ERR_STREAM_PREMATURE_CLOSE`.split(/\s+/),
);

/** Network faults and refusals of an S3 server. The SDK's own error is not kept: it holds headers with tokens and keys. */
export class S3Fault extends RunnerError {
  override readonly name = 'S3Fault';
  /** The server's word for it, or the system's: `NoSuchBucket`, `ECONNRESET`. */
  readonly code: string;
  readonly status: number | undefined;
  readonly transient: boolean;

  constructor(sentence: string, about: { code: string; status: number | undefined; transient: boolean }) {
    super(sentence);
    this.code = about.code;
    this.status = about.status;
    this.transient = about.transient;
  }
}

type Raw = {
  name?: string;
  code?: string;
  Code?: string;
  message?: string;
  Region?: string;
  $metadata?: { httpStatusCode?: number; clockSkewCorrected?: boolean };
  $response?: { headers?: Record<string, string> };
};

/** Whether no answer came in time. */
export const isSilence = (error: unknown) => codeOf(error as Raw, undefined) === 'TimeoutError';

/** What was going on: the destination's name, a verb of `rights` or another, and the object's URL. */
export type Doing = { name: string; doing: string; where: string };

/** Makes a sentence of what the SDK threw. Anything that is no fault of a server or of the network passes as it is. */
export function faultOf(error: unknown, about: Doing): Error {
  const raw = error as Raw;
  const status = raw.$metadata?.httpStatusCode;
  const code = codeOf(raw, status);
  if (error instanceof RunnerError || code === null) return error as Error;
  const transient = passing.has(code) || raw.$metadata?.clockSkewCorrected === true || mayPass(status, code);
  const why = reasonOf(raw, code, status, about);
  return new S3Fault(`Destination ${about.name}: cannot ${about.doing} ${about.where}: ${why}.`, {
    code,
    status,
    transient,
  });
}

function mayPass(status: number | undefined, code: string): boolean {
  if (status === undefined) return false;
  // An answer that says it went well and cannot be read was cut.
  if (status < 300) return !Object.hasOwn(reasons, code);
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 507);
}

function codeOf(raw: Raw, status: number | undefined): string | null {
  // The SDK gives the system's code to a limit of its own.
  if (raw.name === 'TimeoutError' && /requestTimeout/.test(raw.message ?? '')) return 'TimeoutError';
  // A system's code says more than the name that the SDK gives to the error.
  if (typeof raw.code === 'string' && /^(E[A-Z]|[A-Z_]+$)/.test(raw.code) && status === undefined) return raw.code;
  if (status !== undefined) return raw.Code ?? raw.name ?? 'Unknown';
  return Object.hasOwn(reasons, raw.name ?? '') || passing.has(raw.name ?? '') ? raw.name! : null;
}

function reasonOf(raw: Raw, code: string, status: number | undefined, { doing }: Doing): string {
  const region = raw.Region ?? raw.$response?.headers?.['x-amz-bucket-region'];
  if (status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed' || code === 'PermanentRedirect')
    return region
      ? `the bucket is in another region: set \`region: ${region}\``
      : 'the bucket is elsewhere: check `region` and `endpoint`';
  if (code === 'TimeoutError') return silenceOf(raw.message ?? '');
  const known = reasons[code];
  if (known !== undefined) return known;
  if (status === 403) {
    const right = rights[doing];
    return `access is denied${right ? ` (it takes ${right})` : ''}: allow it to these credentials, or use others`;
  }
  if (status === 507) return full;
  const said = (raw.message ?? '')
    .replace(/\s+/g, ' ')
    .replace(/[.\s]+$/, '')
    .slice(0, 300);
  const answer = status === undefined ? '' : ` (${code}, HTTP ${status})`;
  return `${said === '' || said === code ? 'the server refused it' : `the server says: ${said}`}${answer}`;
}

/** The SDK tells in its messages what was waited for, and how many milliseconds. */
function silenceOf(message: string): string {
  const fell = 'the server fell silent';
  const waited = /(\d+) ms/.exec(message)?.[1];
  if (waited === undefined) return fell;
  const isUnmet = /establish a connection/.test(message);
  return `${fell}: it ${isUnmet ? 'took no connection' : 'took the question and did not answer'} within ${Number(waited) / 1000} s`;
}
