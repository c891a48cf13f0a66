/** What a dump holds beside rows, as lines `kind name` with a hash of its definition: what is lost or changed is named. */
import { createsPublic, schemaIncluded } from './patterns.ts';
import { formatOf, type Spec } from './spec.ts';
import { oneLine } from './sql.ts';

/**
 * The server writes an expression again when it reads it: parentheses and casts of `x in ('a', 'b')` move about in a restored
 * check constraint. What is compared is without both, and without white space.
 */
function settled(expression: string): string {
  const type = `::(?:"[^"]*"|\\w+)(?:\\.(?:"[^"]*"|\\w+))?(?: varying| precision| with(?:out)? time zone)?(?:\\(\\d+(?:,\\d+)?\\))?`;
  return `regexp_replace(regexp_replace(${expression}, '${type}', '', 'g'), '[()\\[\\]\\s]', '', 'g')`;
}

/** Who owns it and who may do what with it, in an order of its own. Who granted it depends on who restored it. */
function rights(owner: string, acl: string, kind: string): string {
  return `pg_get_userbyid(${owner}) || ' ' || coalesce((select string_agg(
    case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee)::text end || ' ' || a.privilege_type || ' ' || a.is_grantable, ','
    order by a.grantee::regrole::text collate "C", a.privilege_type, a.is_grantable) from (select distinct grantee, privilege_type, is_grantable
      from aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner})))) a), '')`;
}

type Group = { kind: string; sql: string };

const member = (catalog: string, oid: string) =>
  `exists (select from pg_depend owned where owned.classid = '${catalog}'::regclass and owned.objid = ${oid} and owned.deptype = 'e')`;

const named = `format('%I.%I', n.nspname, c.relname)`;
const from = 'pg_class c join pg_namespace n on n.oid = c.relnamespace';
/** `:relations` is set by the script: the oids of everything that is dumped. */
const included = `c.oid = any(:'relations'::oid[])`;

const columns = `select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
    ${settled('pg_get_expr(d.adbin, d.adrelid)')}, a.attcollation::regcollation,
    (select string_agg(x.grantee::regrole || ' ' || x.privilege_type, ',' order by x.grantee::regrole::text, x.privilege_type) from aclexplode(a.attacl) x)),
    ',' order by a.attnum)
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped`;

const ofRelations: Group[] = [
  {
    kind: 'constraint',
    sql: `select ${named} || ' ' || quote_ident(k.conname), ${settled('pg_get_constraintdef(k.oid)')} || k.convalidated
      from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      where ${included} and k.contype <> 't'`,
  },
  {
    kind: 'grant',
    sql: `select ${named}, ${rights('c.relowner', 'c.relacl', 'r').replace("acldefault('r'", "acldefault(case c.relkind when 'S' then 's'::\"char\" else 'r' end")}
      from ${from} where ${included}`,
  },
  {
    kind: 'index',
    sql: `select format('%I.%I', n.nspname, i.relname), ${settled('pg_get_indexdef(i.oid)')} || x.indisreplident || x.indisclustered
      from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid join pg_namespace n on n.oid = i.relnamespace
      where ${included} and (x.indisvalid or c.relkind = 'p')`,
  },
  {
    kind: 'policy',
    sql: `select ${named} || ' ' || quote_ident(p.polname), concat_ws(' ', p.polcmd, p.polpermissive,
        (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r)::text end, ',' order by r::regrole::text collate "C") from unnest(p.polroles) r),
        ${settled('pg_get_expr(p.polqual, p.polrelid)')}, ${settled('pg_get_expr(p.polwithcheck, p.polrelid)')})
      from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace where ${included}`,
  },
  {
    kind: 'rule',
    sql: `select ${named} || ' ' || quote_ident(w.rulename), ${settled('pg_get_ruledef(w.oid)')} || w.ev_enabled::text
      from pg_rewrite w join pg_class c on c.oid = w.ev_class join pg_namespace n on n.oid = c.relnamespace
      where ${included} and w.rulename <> '_RETURN'`,
  },
  {
    kind: 'sequence',
    sql: `select ${named}, concat_ws(' ', format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
      from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace where ${included}`,
  },
  {
    kind: 'table',
    sql: `select ${named}, concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions,
        ${settled('pg_get_expr(c.relpartbound, c.oid)')}, ${settled('pg_get_partkeydef(c.oid)')},
        (select string_agg(h.inhparent::regclass::text, ',' order by h.inhseqno) from pg_inherits h where h.inhrelid = c.oid), (${columns}))
      from ${from} where ${included} and c.relkind <> 'S'`,
  },
  {
    kind: 'trigger',
    sql: `select ${named} || ' ' || quote_ident(t.tgname), ${settled('pg_get_triggerdef(t.oid)')} || t.tgenabled::text
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
      where ${included} and not t.tgisinternal`,
  },
  {
    kind: 'view',
    sql: `select ${named}, ${settled('pg_get_viewdef(c.oid)')} from ${from} where ${included} and c.relkind in ('v', 'm')`,
  },
];

function ofSchemas(spec: Spec): Group[] {
  const schema = schemaIncluded(spec);
  // SQL that is dumped by schemas makes `public` anew, without the grants that every new database has.
  const losesPublic = formatOf(spec) === 'plain' && createsPublic(spec);
  const signature = `format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))`;
  const functions = `pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${schema} and not ${member('pg_proc', 'p.oid')}`;
  const types = `pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class k on k.oid = t.typrelid
    where ${schema} and t.typtype in ('e', 'd', 'c', 'r') and coalesce(k.relkind, 'c') = 'c' and not ${member('pg_type', 't.oid')}`;
  const type = `format('%I.%I', n.nspname, t.typname)`;
  return [
    {
      kind: 'function',
      sql: `select ${signature}, case when p.prokind = 'a' then format_type(p.prorettype, null) else pg_get_functiondef(p.oid) end from ${functions}`,
    },
    { kind: 'function grant', sql: `select ${signature}, ${rights('p.proowner', 'p.proacl', 'f')} from ${functions}` },
    {
      kind: 'schema grant',
      sql: `select quote_ident(n.nspname), ${rights('n.nspowner', 'n.nspacl', 'n')} from pg_namespace n
        where ${schema} and not ${member('pg_namespace', 'n.oid')}${losesPublic ? " and n.nspname <> 'public'" : ''}`,
    },
    {
      kind: 'type',
      sql: `select ${type}, concat_ws(' ', t.typtype, t.typnotnull, format_type(t.typbasetype, t.typtypmod), t.typdefault,
          (select string_agg(quote_literal(enumlabel), ',' order by enumsortorder) from pg_enum where enumtypid = t.oid),
          (select string_agg(conname || ' ' || ${settled('pg_get_constraintdef(q.oid)')}, ',' order by conname) from pg_constraint q where contypid = t.oid),
          (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum) from pg_attribute a
            where a.attrelid = t.typrelid and not a.attisdropped), ${rights('t.typowner', 't.typacl', 'T')})
        from ${types}`,
    },
  ];
}

const ofDatabase: Group[] = [
  {
    kind: 'default grant',
    sql: `select concat_ws(' ', pg_get_userbyid(d.defaclrole), quote_ident(n.nspname), d.defaclobjtype),
        (select string_agg(case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee)::text end || ' ' || x.privilege_type, ',' order by x.grantee::regrole::text collate "C", x.privilege_type) from aclexplode(d.defaclacl) x)
      from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace`,
  },
  {
    kind: 'event trigger',
    sql: `select quote_ident(e.evtname), concat_ws(' ', e.evtevent, e.evtfoid::regproc, e.evtenabled, e.evttags) from pg_event_trigger e
      where not ${member('pg_event_trigger', 'e.oid')}`,
  },
  { kind: 'extension', sql: `select quote_ident(extname), extname::text from pg_extension` },
];

/** Queries of lines `kind name<TAB>hash`. */
export function definitions(spec: Spec): { kind: string; text: string }[] {
  const whole = !spec.tables && !spec.schemas;
  const groups = [...ofRelations, ...(spec.tables ? [] : ofSchemas(spec)), ...(whole ? ofDatabase : [])];
  return groups.map(({ kind, sql }) => ({
    kind,
    text: `select '${kind} ' || ${oneLine('name')} || chr(9) || md5(coalesce(definition, '')) from (${sql}) found (name, definition) order by name collate "C";\n`,
  }));
}
