/** SQL that writes CREATE DATABASE and what belongs to it, from a row of pg_database whose columns differ by version. */
import { identifier, literal } from './sql.ts';

/** A locale of the C library, when this server has it; another machine may know it by no name. */
function known(locale: string): string {
  const plain = (text: string) => `lower(replace(${text}, '-', ''))`;
  return `case when ${locale} in ('C', 'POSIX') or exists (select from pg_collation where ${plain('collname')} = ${plain(locale)}) then ${locale} else 'C' end`;
}

/**
 * A query that prints the statement which creates `name` like the row `d` (jsonb) of `from`. Sorting and character classes
 * decide what an index holds and what lower() gives, so they are kept where the server knows them.
 */
export function createLike(name: string, from: string): string {
  return `select 'CREATE DATABASE ' || ${literal(identifier(name))} || ' TEMPLATE template0'
  || coalesce(' ENCODING ' || quote_literal(d->>'encoding'), '')
  || coalesce(' LC_COLLATE ' || quote_literal(${known("(d->>'datcollate')")}) || ' LC_CTYPE ' || quote_literal(${known("(d->>'datctype')")}), '')
  || case d->>'datlocprovider' when 'i' then ' LOCALE_PROVIDER icu ICU_LOCALE ' || quote_literal(coalesce(d->>'datlocale', d->>'daticulocale'))
       || coalesce(' ICU_RULES ' || quote_literal(d->>'daticurules'), '')
     when 'b' then ' LOCALE_PROVIDER builtin BUILTIN_LOCALE ' || quote_literal(d->>'datlocale')
     when 'c' then ' LOCALE_PROVIDER libc' else '' end
  || coalesce(' OWNER ' || quote_ident(d->>'owner'), '') || coalesce(' TABLESPACE ' || quote_ident(d->>'tablespace'), '')
from ${from}`;
}

/** The row of a database that is there, as `createLike` takes it. */
export function rowOf(name: string): string {
  return `(select to_jsonb(b) || jsonb_build_object('encoding', pg_encoding_to_char(b.encoding), 'owner', pg_get_userbyid(b.datdba),
    'tablespace', (select spcname from pg_tablespace t where t.oid = b.dattablespace)) as d from pg_database b where b.datname = ${literal(name)}) found`;
}

/** Settings whose value is a list of names that is quoted already. */
const lists = [
  'search_path',
  'temp_tablespaces',
  'local_preload_libraries',
  'session_preload_libraries',
  'shared_preload_libraries',
];

/** Queries that print what `like` has beside its data: settings, also of single roles, the comment, and who may connect. */
export function dressLike(name: string, like: string): string[] {
  const database = literal(identifier(name));
  const value = `case when split_part(s, '=', 1) in (${lists.map(literal).join(', ')}) then substr(s, position('=' in s) + 1)
    else quote_literal(substr(s, position('=' in s) + 1)) end`;
  const grantee = `case a.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(a.grantee)) end`;
  return [
    `select case when o.setrole = 0 then 'ALTER DATABASE ' || ${database} else 'ALTER ROLE ' || quote_ident(pg_get_userbyid(o.setrole)) || ' IN DATABASE ' || ${database} end
      || ' SET ' || quote_ident(split_part(s, '=', 1)) || ' TO ' || ${value}
    from pg_db_role_setting o join pg_database b on b.oid = o.setdatabase, unnest(o.setconfig) s where b.datname = ${literal(like)}`,
    `select 'COMMENT ON DATABASE ' || ${database} || ' IS ' || quote_literal(shobj_description(b.oid, 'pg_database'))
    from pg_database b where b.datname = ${literal(like)} and shobj_description(b.oid, 'pg_database') is not null`,
    `select 'REVOKE ALL ON DATABASE ' || ${database} || ' FROM PUBLIC' from pg_database b where b.datname = ${literal(like)} and b.datacl is not null`,
    `select 'GRANT ' || a.privilege_type || ' ON DATABASE ' || ${database} || ' TO ' || ${grantee} || case when a.is_grantable then ' WITH GRANT OPTION' else '' end
    from pg_database b, aclexplode(b.datacl) a where b.datname = ${literal(like)} order by a.grantee = b.datdba desc`,
    `select 'ALTER DATABASE ' || ${database} || ' CONNECTION LIMIT ' || b.datconnlimit from pg_database b where b.datname = ${literal(like)} and b.datconnlimit >= 0`,
  ];
}
