/** What the role that reads may not read. pg_dump stops at the first of these, in the middle of the night. */
import { hasLargeObjects, tableIncluded } from './patterns.ts';
import { me, named, qualified, relations, sentence, someNames } from './sentences.ts';
import type { Spec } from './spec.ts';

/** What to type: the objects by name where they are few, all at once where they are many. */
function grant(what: 'TABLE' | 'SEQUENCE'): string {
  return `case when count(*) <= ${named} then 'GRANT SELECT ON ${what} ' || string_agg(name, ', ' order by name)
    when current_setting('server_version_num')::int >= 140000 then 'GRANT pg_read_all_data'
    else 'GRANT SELECT ON ALL ${what}S IN SCHEMA ' || string_agg(distinct schema, ', ') end`;
}

/** A server may ask in any order, and has_sequence_privilege fails for what is no sequence: CASE keeps it apart. */
function relationsWithout(privilege: string, kinds: string, spec: Spec): string {
  return `select ${qualified}, quote_ident(n.nspname) as schema from ${relations}
    where case when c.relkind in (${kinds}) then has_schema_privilege(n.oid, 'USAGE') and not ${privilege} else false end
    and ${tableIncluded(spec)}`;
}

/** The predefined roles say nothing of large objects. */
const unreadableObjects = `select l.oid::text as name from pg_catalog.pg_largeobject_metadata l
  where not (select rolsuper from pg_catalog.pg_roles where rolname = current_user) and not pg_has_role(l.lomowner, 'USAGE')
  and current_setting('lo_compat_privileges') = 'off' and not exists (select from aclexplode(l.lomacl) a
    where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))`;

/** Questions about one database: each prints a sentence with the statement that mends it, or nothing. */
export function privileges(spec: Spec): string[] {
  const schemas = `select distinct quote_ident(n.nspname) as name from ${relations}
    where c.relkind in ('r', 'p', 'S') and not has_schema_privilege(n.oid, 'USAGE') and ${tableIncluded(spec)}`;
  const hidden = `select ${qualified} from ${relations}
    where case when c.relkind in ('r', 'p') then row_security_active(c.oid) else false end and ${tableIncluded(spec)}`;
  const tables = relationsWithout(`has_table_privilege(c.oid, 'SELECT')`, `'r', 'p'`, spec);
  const sequences = relationsWithout(`has_sequence_privilege(c.oid, 'SELECT')`, `'S'`, spec);
  const who = [`'the role '`, me];
  const all = `string_agg(name, ', ' order by name)`;
  const objects = [`' may not read the large object '`, someNames, `'; type: GRANT SELECT ON LARGE OBJECT '`, all];
  return [
    sentence(
      schemas,
      ...who,
      `' may not use the schema '`,
      someNames,
      `'; type: GRANT USAGE ON SCHEMA '`,
      all,
      `' TO '`,
      me,
    ),
    sentence(tables, ...who, `' may not read '`, someNames, `'; type: '`, grant('TABLE'), `' TO '`, me),
    sentence(
      sequences,
      ...who,
      `' may not read the sequence '`,
      someNames,
      `'; type: '`,
      grant('SEQUENCE'),
      `' TO '`,
      me,
    ),
    sentence(
      hidden,
      `'row-level security would hide rows of '`,
      someNames,
      `' from the role '`,
      me,
      `'; type as a superuser: ALTER ROLE '`,
      me,
      `' BYPASSRLS'`,
    ),
    ...(hasLargeObjects(spec) ? [sentence(unreadableObjects, ...who, ...objects, `' TO '`, me)] : []),
  ];
}
