import type { Argument, Command, SecretValue, Value } from '../../command.ts';
import type { Facts, Server, Target } from '../../kind.ts';
import { pathFor } from './programs.ts';
import { found, type Spec } from './spec.ts';
import { identifier } from './sql.ts';

/** Seconds in which a server must answer. */
const connectTimeout = 10;

/** The superuser of our own throw-away servers. */
export const scratchUser = 'runner';

/** What reaches a server: the environment and the private files of one child. Nothing of it stands in argv. */
export type Connection = { env: Record<string, Value>; files: NonNullable<Command['files']>; role: string | null };

/**
 * Notices a server that has gone within half a minute, while it is silent and while it takes nothing. Environment variables
 * cannot say this, a service file can.
 */
const patience = '[runner]\nkeepalives_idle=10\nkeepalives_interval=5\nkeepalives_count=3\ntcp_user_timeout=25000\n';

/** The live server. `database` null: the one that the URL or the service names. `settings` adds to those of the plan. */
export function live(
  spec: Spec,
  database: Argument | null,
  facts: Facts,
  settings: Record<string, string> = {},
): Connection {
  const parts = spec.url ? byUrl(spec.url.secret) : byParts(spec);
  const options = { ...found(facts)?.watch, ...spec.settings, ...settings };
  return {
    env: {
      ...common,
      ...parts.env,
      ...(database === null ? {} : { PGDATABASE: database }),
      ...encryption(spec),
      ...(Object.keys(options).length > 0 ? { PGOPTIONS: startOptions(options) } : {}),
    },
    files: parts.files,
    role: spec.role ?? null,
  };
}

/** Where a restore goes, or what was restored: at the source's own server, or at another. */
export function at(
  spec: Spec,
  { path, server }: Target,
  facts: Facts,
  settings: Record<string, string> = {},
): Connection {
  // What is restored belongs to whom the dump says, so it is not done as the role that reads.
  if (!server) return { ...live({ ...spec, settings: {} }, path, facts, settings), role: null };
  return elsewhere(server, path, settings);
}

/** A server that is not the source's. `database` null: the one that its URL names. */
export function elsewhere(
  server: Server,
  database: Argument | null,
  settings: Record<string, string> = {},
): Connection {
  const options = Object.keys(settings).length > 0 ? { PGOPTIONS: startOptions(settings) } : {};
  const named: Record<string, Argument> = database === null ? {} : { PGDATABASE: database };
  if (server.at === 'url') {
    const { env, files } = byUrl(server.secret);
    return { env: { ...common, ...env, ...named, ...options }, files, role: null };
  }
  const socket = { PGHOST: server.directory, PGPORT: '5432', PGUSER: scratchUser };
  return { env: { ...common, ...socket, ...named, ...options }, files: [], role: null };
}

const common: Record<string, Value> = { PGAPPNAME: 'runner', PGCONNECT_TIMEOUT: String(connectTimeout) };

/** Any server, port, database and user: the file is of one child alone. */
function passwordFile(path: string, password: SecretValue): NonNullable<Command['files']>[number] {
  return { path, value: { text: ['*:*:*:*:', { ...password, encode: 'pgpass' }, '\n'] } };
}

function byParts(spec: Spec): { env: Record<string, Value>; files: NonNullable<Command['files']> } {
  const { host, port, user, service, credentials } = spec;
  const password: SecretValue | undefined = credentials ? { secret: credentials, part: 'password' } : spec.password;
  const own = { PGSERVICE: 'runner', PGSERVICEFILE: { work: 'pg_service.conf' } };
  const file = spec['service-file'];
  return {
    env: {
      ...(service === undefined ? own : { PGSERVICE: service, ...(file === undefined ? {} : { PGSERVICEFILE: file }) }),
      ...(host === undefined ? {} : { PGHOST: host }),
      ...(port === undefined ? {} : { PGPORT: String(port) }),
      ...(credentials ? { PGUSER: { secret: credentials, part: 'user' } } : {}),
      ...(user === undefined ? {} : { PGUSER: user }),
      ...(password ? { PGPASSFILE: { work: 'pgpass' } } : {}),
    },
    files: [
      ...(service === undefined ? [{ path: 'pg_service.conf', value: patience }] : []),
      ...(password ? [passwordFile('pgpass', password)] : []),
    ],
  };
}

/** `postgresql://user:password@host:port/database?sslmode=require`, or `?host=/run/postgresql` for a socket. */
function byUrl(secret: string): { env: Record<string, Value>; files: NonNullable<Command['files']> } {
  const file = `pgpass-${secret}`;
  const query = (name: string): SecretValue => ({ secret, part: { query: name } });
  return {
    env: {
      PGSERVICE: 'runner',
      PGSERVICEFILE: { work: 'pg_service.conf' },
      PGHOST: { text: [{ secret, part: 'host' }, query('host')] },
      PGPORT: { secret, part: 'port' },
      PGUSER: { secret, part: 'user' },
      PGDATABASE: { secret, part: 'path' },
      PGSSLMODE: query('sslmode'),
      PGSSLROOTCERT: query('sslrootcert'),
      PGSSLCERT: query('sslcert'),
      PGSSLKEY: query('sslkey'),
      PGPASSFILE: { work: file },
    },
    files: [{ path: 'pg_service.conf', value: patience }, passwordFile(file, { secret, part: 'password' })],
  };
}

function encryption({ tls }: Spec): Record<string, string> {
  if (!tls) return {};
  const mode = tls.mode ?? (tls.ca ? 'verify-full' : undefined);
  return {
    ...(mode ? { PGSSLMODE: mode } : {}),
    ...(tls.ca ? { PGSSLROOTCERT: tls.ca } : {}),
    ...(tls.certificate ? { PGSSLCERT: tls.certificate } : {}),
    ...(tls.key ? { PGSSLKEY: tls.key } : {}),
  };
}

/** `-c name=value ...` as the server takes it: white space and backslashes are escaped. */
function startOptions(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\s\\]/g, String.raw`\$&`)}`)
    .join(' ');
}

/** Names are printed in UTF-8; nothing of the user's start-up file; the first error ends it. */
function shell(connection: Connection, facts: Facts): Command {
  return {
    argv: [
      pathFor(facts, 'psql', null),
      '-X',
      '-w',
      '-q',
      '-A',
      '-t',
      '-v',
      'ON_ERROR_STOP=1',
      '-v',
      'VERBOSITY=terse',
    ],
    env: { ...connection.env, PGCLIENTENCODING: 'UTF8' },
    files: connection.files,
  };
}

function become({ role }: Connection): string[] {
  return role === null ? [] : [`SET ROLE ${identifier(role)}`];
}

/** One statement after the other, each shown in a preview. A leading backslash would be read as a command of psql. */
export function statements(connection: Connection, sql: Argument[], facts: Facts): Command {
  const command = shell(connection, facts);
  const guarded = sql.map((one): Argument => (typeof one === 'string' && one.startsWith('\\') ? `\n${one}` : one));
  return {
    ...command,
    argv: [...command.argv, ...[...become(connection), ...guarded].flatMap((one): Argument[] => ['-c', one])],
  };
}

/** A script of ours with psql's own commands, in a private file of that name. */
export function script(name: string, connection: Connection, text: Value, facts: Facts): Command {
  const command = shell(connection, facts);
  const lead = become(connection).map((one) => `${one};\n`);
  return {
    ...command,
    argv: [...command.argv, '-f', { work: name }],
    files: [...connection.files, { path: name, value: { text: [...lead, text] } }],
  };
}

/** A session that reads what it is told from its standard input. */
export function session(connection: Connection, facts: Facts): Command {
  return shell(connection, facts);
}
