import type { Argument, Command, SecretValue, Value } from '../../command.ts';
import type { Facts, Server } from '../../kind.ts';
import { findProgram, type Program, seriesOf, usualName } from './programs.ts';
import { type Flavour, flavourOf, type MysqlSpec } from './spec.ts';

/** The socket of a throw-away server, below its directory: the path must stay short. */
export const socketName = 's';

/** How a program reaches a server: options that come before all others, and the files and environment that they speak of. */
export type Login = { options: Argument[]; files?: NonNullable<Command['files']>; env: Record<string, Value> };

/** MySQL's programs read this file whatever they are told; it holds passwords for servers that are not meant. */
const env = { MYSQL_TEST_LOGIN_FILE: '/dev/null' };

/** A text of an option file: in double quotes, escaped. Quotes keep `#` and spaces what they are. */
function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', String.raw`\"`);
  return `"${escaped.replaceAll('\n', String.raw`\n`).replaceAll('\r', String.raw`\r`)}"`;
}

const line = (name: string, value: string): Value => `${name}=${quoted(value)}\n`;

function fromUrl(secret: string, part: SecretValue['part'], before: string, after = '\n'): Value {
  return { secret, ...(part === undefined ? {} : { part }), encode: 'option-file', before, after };
}

/** The parts of a URL; without a host or with a socket it is the local one. */
function urlLines(secret: string): Value[] {
  return [
    fromUrl(secret, 'user', 'user='),
    fromUrl(secret, 'password', 'password='),
    fromUrl(secret, 'host', 'host=', '\nprotocol=tcp\n'),
    fromUrl(secret, 'port', 'port='),
    fromUrl(secret, { query: 'socket' }, 'socket=', '\nprotocol=socket\n'),
  ];
}

function partLines({ host, port, socket, user, password }: MysqlSpec): Value[] {
  const tcp = host ?? (port !== undefined && socket === undefined ? '127.0.0.1' : undefined);
  return [
    ...(user === undefined ? [] : [line('user', user)]),
    ...(password === undefined ? [] : [fromUrl(password.secret, undefined, 'password=')]),
    ...(socket === undefined ? [] : [line('socket', socket), 'protocol=socket\n']),
    ...(tcp === undefined || socket !== undefined ? [] : [line('host', tcp), 'protocol=tcp\n']),
    ...(port === undefined ? [] : [`port=${port}\n`]),
  ];
}

const sslModes = {
  disable: 'DISABLED',
  prefer: 'PREFERRED',
  require: 'REQUIRED',
  'verify-ca': 'VERIFY_CA',
  'verify-full': 'VERIFY_IDENTITY',
} as const;

/**
 * The makers' clients differ: MariaDB's has no modes. `ssl` alone is content without encryption where the server has none, which
 * the survey tells; with a `ca` the chain is checked, and `ssl-verify-server-cert` checks the name too.
 */
function tlsLines({ tls }: MysqlSpec, flavour: Flavour): Value[] {
  if (!tls) return [];
  const mode = tls.mode ?? (tls.ca === undefined ? undefined : 'verify-full');
  const files = [
    ...(tls.ca === undefined ? [] : [line('ssl-ca', tls.ca)]),
    ...(tls.certificate === undefined ? [] : [line('ssl-cert', tls.certificate)]),
    ...(tls.key === undefined ? [] : [line('ssl-key', tls.key)]),
  ];
  if (mode === undefined) return files;
  if (flavour === 'mysql') return [`ssl-mode=${sslModes[mode]}\n`, ...files];
  if (mode === 'disable') return ['ssl=0\n'];
  const check = mode === 'verify-full' ? 1 : 0;
  return [...(mode === 'prefer' ? [] : ['ssl=1\n']), `ssl-verify-server-cert=${check}\n`, ...files];
}

/** A private option file of ours as the only one that is read: what stands in ~/.my.cnf belongs to somebody else. */
function optionFile(path: string, lines: Value[]): Login {
  return {
    options: [{ join: ['--defaults-file=', { work: path }] }],
    files: [{ path, value: { text: ['[client]\n', ...lines] } }],
    env,
  };
}

export function login(spec: MysqlSpec, flavour: Flavour, server?: Server): Login {
  if (server?.at === 'socket') {
    const socket: Argument = { join: ['--socket=', server.directory, `/${socketName}`] };
    return { options: ['--no-defaults', socket, '--user=root'], env };
  }
  if (server) return optionFile('given.cnf', urlLines(server.secret));
  const own = spec.url ? urlLines(spec.url.secret) : partLines(spec);
  const tls = tlsLines(spec, flavour);
  // Only the client reads this group: dump programs take the database as an argument.
  const database: Value[] =
    spec.url && spec.database === undefined && !spec.part
      ? ['[mysql]\n', fromUrl(spec.url.secret, 'path', 'database=')]
      : [];
  return optionFile('login.cnf', [...own, ...tls, ...database]);
}

/** The program that talks to the server, of the server's own maker; of the other one where only that is there. */
export function clientFor(spec: MysqlSpec, facts: Facts, flavour = flavourOf(spec, facts)): Program {
  const series = seriesOf(facts.survey?.version);
  const other = flavour === 'mysql' ? 'mariadb' : 'mysql';
  const name = usualName('client', flavour);
  return (
    findProgram(facts, 'client', flavour, series) ??
    findProgram(facts, 'client', other) ?? { command: name, path: name, flavour, version: { major: 0, minor: 0 } }
  );
}

export type ClientOptions = { server?: Server; database?: Argument; more?: Argument[]; flavour?: Flavour };

/**
 * The client in batch mode, without names of columns. `--binary-mode` takes away its own commands, so that nothing in the text
 * that it reads can start a program or write a file.
 */
export function client(spec: MysqlSpec, facts: Facts, options: ClientOptions = {}): Command {
  const program = clientFor(spec, facts, options.flavour);
  const { options: first, ...rest } = login(spec, program.flavour, options.server);
  return {
    argv: [
      program.command,
      ...first,
      '--batch',
      '--skip-column-names',
      '--binary-mode',
      '--default-character-set=utf8mb4',
      '--max-allowed-packet=1G',
      ...(options.database === undefined ? [] : [{ join: ['--database=', options.database] }]),
      ...(options.more ?? []),
    ],
    ...rest,
  };
}

/** The client with a text to run; the text stands in the argument vector, so it holds names at most. */
export function statement(spec: MysqlSpec, facts: Facts, sql: string, options: ClientOptions = {}): Command {
  return client(spec, facts, { ...options, more: [...(options.more ?? []), `--execute=${sql}`] });
}

/**
 * A client that prints statements, and a second one that runs them: what must be asked is known only when the first has looked.
 * The script gets the paths of the first text, of the statements and of what they print, then the client's own words.
 */
export function generated(
  spec: MysqlSpec,
  facts: Facts,
  texts: { script: string; ask: Value; then?: Value; name: string },
  options: ClientOptions = {},
): Command {
  const { argv, files = [], ...rest } = client(spec, facts, options);
  const path = (suffix: string) => `${texts.name}.${suffix}`;
  return {
    argv: [
      'sh',
      '-c',
      texts.script,
      'sh',
      { work: path('ask') },
      { work: path('then') },
      { work: path('made') },
      { work: path('out') },
      ...argv,
    ],
    files: [...files, { path: path('ask'), value: texts.ask }, { path: path('then'), value: texts.then ?? '' }],
    ...rest,
  };
}

/** Runs what the first client printed, then the second text, as one session. */
export const runGenerated = `set -eu
ask=$1 then=$2 made=$3; shift 4
{ "$@" --raw <"$ask"; cat "$then"; } >"$made"
exec "$@" <"$made"`;
