import type { Argument, Command } from '../../command.ts';
import type { Databases, Facts } from '../../kind.ts';
import { type Connection, live, script, statements } from './connection.ts';
import { createLike, dressLike, rowOf } from './create.ts';
import { move } from './move.ts';
import { describedBy } from './restore.ts';
import { maintenanceOf, type Spec } from './spec.ts';
import { identifier, literal } from './sql.ts';

/** The server as the one who restores: not as the role that reads, and without the settings of a dump. */
export function server(spec: Spec, facts: Facts, name?: string): Connection {
  const { role: _, settings: __, ...plain } = spec;
  return live(plain, name ?? maintenanceOf(spec), facts);
}

/** Where one connects to change the name of a database: not in that one. */
function besides(spec: Spec, target: string, facts: Facts): Connection {
  return server(spec, facts, target === maintenanceOf(spec) ? 'template1' : undefined);
}

/**
 * A name inside a connection string inside an argument of psql's \connect: `a=b` and `postgresql://` are names too. psql takes
 * single quotes off first, and then the double quotes of an identifier.
 */
function reconnect(name: string): string {
  const connection = `dbname='${name.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
  const quoted = `"${connection.replaceAll('"', '""')}"`;
  return `\\connect '${quoted.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`;
}

/** Whether a database holds anything of a user's. */
const full = `select case when exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
  or exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
  or exists (select from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public'))
  or exists (select from pg_largeobject_metadata) then 'full' else 'empty' end;\n`;

function look(spec: Spec, name: string, facts: Facts): Command {
  const refusal = `${name} is what new databases are made from, and cannot be replaced: name another`;
  const text = [
    ...(name === 'template0' || name === 'template1'
      ? [`do $runner$ begin raise exception '${refusal}'; end $runner$;\n`]
      : []),
    `select exists (select from pg_database where datname = ${literal(name)}) as there \\gset\n`,
    '\\if :there\n',
    reconnect(name),
    full,
    '\\else\n\\echo nothing\n\\endif\n',
  ];
  return script('look.sql', server(spec, facts), text.join(''), facts);
}

function create(spec: Spec, name: string, like: string | null, facts: Facts): Command[] {
  const { database } = describedBy(facts);
  const known = { encoding: null, datcollate: null, datctype: null, ...database };
  const { owner: _, tablespace: __, ...remembered } = known as Record<string, unknown>;
  const row = `(select ${literal(JSON.stringify(remembered))}::jsonb as d) found`;
  const there = like === null ? 'false' : `exists (select from pg_database where datname = ${literal(like)})`;
  const text = [
    `select ${there} as like_is_there \\gset\n`,
    '\\if :like_is_there\n',
    ...(like === null
      ? []
      : [`${createLike(name, rowOf(like))} \\gexec\n`, ...dressLike(name, like).map((one) => `${one} \\gexec\n`)]),
    '\\else\n',
    `${createLike(name, row)} \\gexec\n`,
    '\\endif\n',
  ];
  return [script('create.sql', server(spec, facts), text.join(''), facts)];
}

const ours = `pid <> pg_backend_pid()`;

function drop(spec: Spec, name: string, facts: Facts): Command[] {
  const database = literal(identifier(name));
  const text = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = ${literal(name)} and ${ours} and current_setting('server_version_num')::int < 130000 \\g /dev/null
select 'DROP DATABASE IF EXISTS ' || ${database} || case when current_setting('server_version_num')::int >= 130000 then ' WITH (FORCE)' else '' end \\gexec\n`;
  return [script('drop.sql', server(spec, facts), text, facts)];
}

/**
 * Both names change in one transaction. Renaming takes a lock that new connections wait for, and waits some seconds for those
 * that were ended; one that came in between makes it try again. The comment of the data that was there goes with the name.
 */
function swap(
  spec: Spec,
  { beside, target, aside }: { beside: string; target: string; aside: string | null },
  facts: Facts,
): Command[] {
  const rename = (from: string, to: string) =>
    `execute ${literal(`ALTER DATABASE ${identifier(from)} RENAME TO ${identifier(to)}`)};`;
  const names = [beside, target].map(literal).join(', ');
  const block = `do $runner$
declare tries int := 0; words text;
begin
  ${aside === null ? '' : `select shobj_description(oid, 'pg_database') into words from pg_database where datname = ${literal(target)};`}
  loop
    perform pg_terminate_backend(pid) from pg_stat_activity where datname in (${names}) and ${ours};
    begin
      ${aside === null ? '' : rename(target, aside)}
      ${rename(beside, target)}
      exit;
    exception when object_in_use then
      tries := tries + 1;
      if tries >= 5 then raise; end if;
    end;
  end loop;
  execute ${literal(`COMMENT ON DATABASE ${identifier(target)} IS `)} || coalesce(quote_literal(words), 'NULL');
end $runner$`;
  return [statements(besides(spec, target, facts), [block], facts)];
}

/** The comment of a database: `swap` gives it back what the old data had. */
const mark: NonNullable<Databases<Spec>['mark']> = {
  write: (spec, name, text: Argument, facts) => [
    script(
      'mark.sql',
      server(spec, facts),
      { text: [`COMMENT ON DATABASE ${identifier(name)} IS $runner$`, text, '$runner$;\n'] },
      facts,
    ),
  ],
  read: (spec, name, facts) =>
    statements(
      server(spec, facts),
      [`select shobj_description(oid, 'pg_database') from pg_database where datname = ${literal(name)}`],
      facts,
    ),
};

function where({ url, service, host, port }: Spec): string {
  if (url) return `the server of the secret "${url.secret}"`;
  if (service !== undefined) return `the service "${service}"`;
  return `${host ?? 'the local socket'}:${port ?? 5432}`;
}

/** The server of a URL; who connects, and by which password, is told by the plan where the URL does not say. */
function atServer(spec: Spec, url: URL): Spec {
  if (!/^postgres(ql)?:$/.test(url.protocol))
    throw new Error(
      `${url.protocol}// is no address of a PostgreSQL server: write postgresql://user@host:port/database`,
    );
  const { host: _, port: __, url: ___, service: ____, 'service-file': _____, 'run-in': ______, ...rest } = spec;
  const host = decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')) || url.searchParams.get('host');
  return {
    ...rest,
    ...(spec.url ? { credentials: spec.url.secret } : {}),
    ...(host ? { host } : {}),
    ...(url.port ? { port: Number(url.port) } : {}),
    ...(url.username ? { user: decodeURIComponent(url.username) } : {}),
  };
}

export const databases: Databases<Spec> = { where, at: atServer, look, create, drop, mark, swap, move };
