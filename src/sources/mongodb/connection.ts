import type { Argument, Command, Value } from '../../command.ts';
import type { Facts, Target } from '../../kind.ts';
import type { Spec } from './spec.ts';

/** The private file with the connection string, in the work directory. JSON is YAML too: mongodump and our own program read it. */
const file = 'mongo.json';

/** The socket of a server of ours, in its directory: drivers take what ends in `.sock` for one, a relative name too. */
export const socketName = 'm.sock';

/** Which server is spoken to: the source's own, without a target or with one that names none. */
export type At = { spec: Spec; target: Target | null };

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/** An address of version 6 stands in brackets. */
function hostOf({ host = '127.0.0.1', port = 27_017 }: Spec): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

function parametersOf(spec: Spec): Value[] {
  const { 'authentication-database': source, 'replica-set': set, user, tls } = spec;
  const given: [string, string | undefined][] = [
    ['authSource', source ?? (user === undefined ? undefined : 'admin')],
    ['replicaSet', set],
    ['tls', tls && 'true'],
    ['tlsCAFile', tls?.ca],
    ['tlsCertificateKeyFile', tls?.certificate],
  ];
  const pairs = given.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]));
  const password = tls?.['key-password'];
  const key: Value[] = password ? [{ ...password, encode: 'uri', before: '&tlsCertificateKeyFilePassword=' }] : [];
  return [pairs.length > 0 ? `?${pairs.join('&')}` : '', ...key];
}

/** The connection string as a text in JSON. */
function uriOf({ spec, target }: At): Value {
  const server = target?.server;
  if (server?.at === 'url') return { secret: server.secret, encode: 'json' };
  if (server) return `"mongodb://${socketName}/"`;
  const whole = spec.url ?? spec.uri;
  if (whole) return { ...whole, encode: 'json' };
  const { user, password } = spec;
  const login: Value[] =
    user === undefined
      ? []
      : [encodeURIComponent(user), ...(password ? [{ ...password, encode: 'uri', before: ':' } as const] : []), '@'];
  return { text: ['"mongodb://', ...login, inJson(`${hostOf(spec)}/`), ...parametersOf(spec), '"'] };
}

/** A command with the connection string in a private file; `argv` is told what names it. */
export function connected(at: At, argv: (config: Argument) => Argument[]): Command {
  const server = at.target?.server;
  return {
    argv: argv({ work: file }),
    files: [{ path: file, value: { text: ['{ "uri": ', uriOf(at), ' }\n'] } }],
    ...(server?.at === 'socket' ? { cwd: server.directory } : {}),
  };
}

/** For a person, without secrets. */
export function whereOf(spec: Spec): string {
  const whole = spec.url ?? spec.uri;
  return whole ? `the server of the secret "${whole.secret}"` : hostOf(spec);
}

/**
 * A value of an option of the tools: they take quotes off what begins with one, so that it is quoted once more. What JSON
 * writes, Go reads.
 */
export const optionValue = (text: string): string => (text.startsWith('"') ? JSON.stringify(text) : text);

/** Our own program runs here; elsewhere only MongoDB's shell may be there. */
export function isAskable(facts: Facts): boolean {
  return !facts.elsewhere || Boolean(facts.programs.mongosh);
}
