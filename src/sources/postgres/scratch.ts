import type { Argument, Command, Held, Value } from '../../command.ts';
import type { Facts, Scratch, Target } from '../../kind.ts';
import type { Recipe } from '../../recipe.ts';
import { type Connection, elsewhere, scratchUser, script, statements } from './connection.ts';
import { archiveMajor, unpack, wholeArchive, wholeDump } from './content.ts';
import { createLike } from './create.ts';
import { installHint, type Tool, toolsOf } from './programs.ts';
import { describedBy, globalsRecipe, listWithout, loadFile, restore, runSql } from './restore.ts';
import { type Format, formatMade, type Spec, serverMajor } from './spec.ts';

/** Seconds in which the server must have started. */
const startTime = 60;
/** Connections that load at once. */
const jobs = 2;

/** Where the data is restored in our own server. */
const restored = 'restored';

/** A crash loses nothing that is not thrown away anyway; locks for a dump of very many tables. */
const tuning: Record<string, string> = {
  listen_addresses: '',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  autovacuum: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  shared_buffers: '128MB',
  maintenance_work_mem: '256MB',
  max_connections: '20',
  max_locks_per_transaction: '2048',
  max_prepared_transactions: '0',
  logging_collector: 'off',
};

function server(postgres: string, psql: string): Held {
  const connection = elsewhere({ at: 'socket', directory: { work: 's' } }, 'postgres');
  return {
    command: {
      argv: [
        postgres,
        '-D',
        { work: 'data' },
        '-k',
        { work: 's' },
        ...Object.entries(tuning).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
    },
    ready: { command: { argv: [psql, '-X', '-w', '-A', '-t', '-c', 'select 1'], env: connection.env } },
    within: startTime,
    // What it holds is thrown away: no checkpoint.
    stop: 'QUIT',
  };
}

/**
 * The statements of a dump that tell which roles, tablespaces and extensions it wants, and how its database was created: of an
 * archive everything but its rows, since those of large objects are no part of its schema; of SQL the lines that look like it.
 */
function statementsOf(format: Format, tool: string): Command[] {
  const wanted =
    '^\\(ALTER\\|GRANT\\|REVOKE\\|CREATE POLICY\\|CREATE EXTENSION\\|SET default_tablespace\\|SET client_encoding\\) ';
  if (format === 'plain') return [{ argv: ['sed', '-n', '-e', `/${wanted}/w wants.sql`, 'dump'], cwd: { work: '.' } }];
  const [some, sql] = [{ join: ['--use-list=', { work: 'wants' }] }, { join: ['--file=', { work: 'wants.sql' }] }];
  return [
    ...listWithout(tool, '\\(TABLE DATA\\|BLOBS\\)', 'wants'),
    { argv: [tool, '--create', some, sql, { work: 'dump' }] },
  ];
}

/** The text of those statements, read by the server itself. */
const wants = `(select pg_read_file('../wants.sql') as text) dump`;

/** An identifier as pg_dump writes it. */
const identifiers = '("(?:[^"]|"")+"|[a-z_][a-z0-9_]*)';

/** Names behind these words, each once, as they are written there. */
function tokens(pattern: string): string {
  return `select distinct token[1] as token from ${wants}, regexp_matches(text, '${pattern}', 'gn') token`;
}

/**
 * Roles that own something or may do something. They become superusers, since what the owner of a materialized view could read
 * by memberships and attributes stands in no dump of a database. A line of a
 * function's body that looks like it makes one too many.
 */
const roles = `select distinct token from (
  ${tokens(`^ALTER .* OWNER TO ${identifiers};$`)}
  union ${tokens(`^(?:GRANT|ALTER DEFAULT PRIVILEGES) .* TO ${identifiers}(?: WITH GRANT OPTION)?(?: GRANTED BY .*)?;$`)}
  union ${tokens(`^(?:REVOKE|ALTER DEFAULT PRIVILEGES) .* FROM ${identifiers}(?: GRANTED BY .*)?;$`)}
  union ${tokens(`^ALTER DEFAULT PRIVILEGES FOR ROLE ${identifiers} `)}
  union select one from (${tokens('^(CREATE POLICY .* TO .*)$')}) policies, unnest(string_to_array(regexp_replace(
    substr(token, position(' TO ' in token) + 4), '( USING \\(| WITH CHECK \\(|;).*$', ''), ', ')) one where one ~ '^${identifiers}$') found
  where token !~* '^"?(pg_.*|public|current_user|session_user|current_role)"?$'
  and not exists (select from pg_roles where rolname = (parse_ident(token))[1])`;

/** A dump that wants what this machine has no package of proves nothing here. */
const extensions = `do $runner$ declare missing text;
begin
  select string_agg(token, ', ' order by token) into missing from (${tokens(`^CREATE EXTENSION IF NOT EXISTS ${identifiers}`)}) wanted
    where not exists (select from pg_available_extensions where name = (parse_ident(token))[1]);
  if missing is not null then
    raise exception 'the dump wants extensions that are not installed on this machine: %; install their packages, or verify in an image that has them', missing;
  end if;
end $runner$;\n`;

const tablespaces = `select 'set allow_in_place_tablespaces = on', 'CREATE TABLESPACE ' || token || ' LOCATION ' || quote_literal('')
  from (${tokens(`^SET default_tablespace = ${identifiers};$`)}) wanted
  where token <> 'pg_default' and current_setting('server_version_num')::int >= 150000 \\gexec\n`;

/** The row of pg_database that a dump tells of, as `createLike` takes it. SQL tells its encoding alone. */
function rowIn(format: Format): string {
  if (format === 'plain')
    return `(select jsonb_build_object('encoding', substring(text from '(?n)^SET client_encoding = ''([^'']*)'';$')) as d from ${wants}) found`;
  const value = (word: string) => `substring(options from ' ${word} = ''([^'']*)''')`;
  const provider = `case substring(options from ' LOCALE_PROVIDER = (\\w+)') when 'icu' then 'i' when 'builtin' then 'b' when 'libc' then 'c' end`;
  return `(select jsonb_strip_nulls(jsonb_build_object('encoding', ${value('ENCODING')}, 'datlocprovider', ${provider},
    'datcollate', coalesce(${value('LC_COLLATE')}, ${value('LOCALE')}), 'datctype', coalesce(${value('LC_CTYPE')}, ${value('LOCALE')}),
    'datlocale', coalesce(${value('ICU_LOCALE')}, ${value('BUILTIN_LOCALE')}), 'daticurules', ${value('ICU_RULES')})) as d
  from (select substring(text from '(?n)^CREATE DATABASE .* WITH TEMPLATE = template0(.*);$') as options from ${wants}) created) found`;
}

/** Makes what the dump expects to be there. Asked in a database without an encoding, since that of the dump is not known yet. */
function furnish(connection: Connection, name: string, format: Format, facts: Facts): Command {
  const text = [
    extensions,
    `select 'CREATE ROLE ' || token || ' SUPERUSER' from (${roles}) wanted order by token \\gexec\n`,
    ...(format === 'plain' ? [tablespaces] : []),
    `${createLike(name, rowIn(format))} \\gexec\n`,
  ];
  return script('furnish.sql', connection, text.join(''), facts);
}

/** The right programs, or the sentence that says which are missing. */
function tools(
  facts: Facts,
): { programs: Record<'postgres' | 'initdb' | 'psql' | 'pg_restore', Tool> } | { missing: string } {
  const major = serverMajor(facts);
  const exact = (name: string) =>
    major === null ? toolsOf(facts, name).at(-1) : toolsOf(facts, name).find((tool) => tool.major === major);
  const archive = Math.max(archiveMajor(facts) ?? 0, major ?? 0);
  const restorer = toolsOf(facts, 'pg_restore').find((tool) => tool.major >= archive);
  const programs = {
    postgres: exact('postgres'),
    initdb: exact('initdb'),
    psql: toolsOf(facts, 'psql').at(-1),
    pg_restore: restorer,
  };
  const absent = Object.entries(programs).flatMap(([name, tool]) => (tool ? [] : [name]));
  if (absent.length === 0) return { programs: programs as Record<keyof typeof programs, Tool> };
  const version = major === null ? '' : ` ${major}`;
  const install = major === null ? 'postgresql' : `postgresql-${major}`;
  return {
    missing: `PostgreSQL${version} is not installed here in full (${absent.join(', ')} of that version, in PATH and where installers put it), so the dump cannot be restored in a server of its own; apt-get install ${install}, brew install ${major === null ? 'postgresql' : `postgresql@${major}`}, or say into: { docker: "postgres:${major ?? 17}" }`,
  };
}

/** A server of the dump's own major version, on a socket in a private directory. */
function ownServer(spec: Spec, facts: Facts): Scratch {
  const found = tools(facts);
  if ('missing' in found) return found;
  const { postgres, initdb, psql, pg_restore } = found.programs;
  const format = formatMade(spec, facts);
  const here = { at: 'socket', directory: { work: 's' } } as const;
  const target: Target = { path: restored, server: here };
  const connection = elsewhere(here, restored);
  const init: Argument[] = [
    '--no-sync',
    '--auth=trust',
    `--username=${scratchUser}`,
    '--encoding=SQL_ASCII',
    '--locale=C',
  ];
  const setUp: Recipe = {
    prepare: [
      { argv: ['mkdir', '-m', '0700', { work: 's' }] },
      { argv: [initdb.path, { join: ['--pgdata=', { work: 'data' }] }, ...init] },
    ],
    servers: [{ after: 'intake', held: server(postgres.path, psql.path) }],
    intake: { discard: true },
  };
  const own = elsewhere(here, 'postgres');
  if (format === 'globals')
    return { recipe: { ...setUp, ...globalsRecipe(facts, own) }, target: { ...target, path: 'postgres' } };
  const recipe: Recipe = {
    ...setUp,
    ...(format === 'directory'
      ? { intake: { consume: unpack() }, tail: wholeArchive }
      : { intake: { file: { work: 'dump' } }, ...(format === 'plain' ? { tail: wholeDump } : {}) }),
    load: [
      ...statementsOf(format, pg_restore.path),
      furnish(own, restored, format, facts),
      ...(format === 'plain'
        ? [runSql(facts, connection, ['--single-transaction', '-f', { work: 'dump' }])]
        : loadFile(spec, facts, connection, { jobs, tablespaces: false })),
    ],
  };
  return { recipe, target };
}

/**
 * A given server: a database of our own beside its others, which leaves with us. Roles and extensions that it lacks are told
 * before anything is loaded; nothing else is made there.
 */
function given(spec: Spec, secret: string, facts: Facts): Scratch {
  const major = archiveMajor(facts);
  if (!toolsOf(facts, 'pg_restore').some((tool) => tool.major >= (major ?? 0)))
    return { missing: `no pg_restore here reads a dump of PostgreSQL ${major}; ${installHint(major)}` };
  const at = { at: 'url', secret } as const;
  const name: Argument = { join: ['runner_', { out: 'run.id' }] };
  const target: Target = { path: name, server: at };
  const encoding = describedBy(facts).database?.encoding;
  const create: Argument = {
    join: [
      'CREATE DATABASE "',
      name,
      `" TEMPLATE template0${typeof encoding === 'string' ? ` ENCODING '${encoding}'` : ''}`,
    ],
  };
  const drop: Value[] = [
    `select 'DROP DATABASE IF EXISTS "`,
    name,
    `"' || case when current_setting('server_version_num')::int >= 130000 then ' WITH (FORCE)' else '' end \\gexec\n`,
  ];
  // The database that the URL names is where one may connect; nothing in it is touched.
  const own = elsewhere(at, null);
  if (formatMade(spec, facts) === 'globals')
    return {
      missing: 'roles belong to a whole server, and are not tried on one that others use: verify them in scratch',
    };
  const recipe = restore(spec, target, facts);
  return {
    target,
    recipe: {
      ...recipe,
      prepare: [statements(own, [create], facts), ...(recipe.prepare ?? [])],
      cleanup: [script('drop.sql', own, { text: drop }, facts)],
    },
  };
}

/** Restores into a throw-away server; `missing` says in a sentence why that cannot be. */
export function scratch(spec: Spec, where: 'here' | 'container' | { url: string }, facts: Facts): Scratch {
  return typeof where === 'string' ? ownServer(spec, facts) : given(spec, where.url, facts);
}
