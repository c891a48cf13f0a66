import type { Command } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import { live } from './connection.ts';
import { isSchema, isTable } from './patterns.ts';
import { pathFor } from './programs.ts';
import { runSql } from './restore.ts';
import { majorOf, type Spec } from './spec.ts';

/** `audit.*` is a whole schema, with its functions and types; anything else tables, as pg_dump's patterns. */
function schemaOf(part: string): string | null {
  return part.endsWith('.*') && part.length > 2 ? part.slice(0, -2) : null;
}

const relations = 'pg_class c join pg_namespace n on n.oid = c.relnamespace';

/** All of a kind in one statement, since they may lean on each other; what reads tables goes before them. */
const dropAll = (kind: string, words: string): string =>
  `select format('drop ${words} if exists %s', string_agg(oid::regclass::text, ', ')) from pg_temp.runner_replaced where relkind = '${kind}' having count(*) > 0 \\gexec\n`;

/** Foreign keys of other tables to what is replaced are taken off and put on again, which checks every row of them. */
function before(parts: readonly string[]): string {
  const schemas = parts.flatMap((part) => schemaOf(part) ?? []);
  const any = (conditions: string[]) => (conditions.length === 0 ? 'false' : `(${conditions.join(' or ')})`);
  const inSchemas = any(schemas.map((schema) => isSchema(schema)));
  const replaced = any([inSchemas, ...parts.filter((part) => schemaOf(part) === null).map(isTable)]);
  return `create temp table runner_replaced as select c.oid, c.relkind from ${relations}
  where ${replaced} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_';
set search_path = '';
create temp table runner_keys as select conrelid::regclass::text as of, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
  from pg_constraint where contype = 'f' and conparentid = 0 and confrelid in (select oid from pg_temp.runner_replaced) and conrelid not in (select oid from pg_temp.runner_replaced);
do $runner$ declare views text;
begin
  select string_agg(distinct w.ev_class::regclass::text, ', ') into views from pg_depend d join pg_rewrite w on w.oid = d.objid
    where d.classid = 'pg_rewrite'::regclass and d.refobjid in (select oid from pg_temp.runner_replaced) and w.ev_class not in (select oid from pg_temp.runner_replaced);
  if views is not null then raise exception 'these views read what is to be replaced, and would have to be dropped with it: %. Restore them along, or the whole database', views; end if;
end $runner$;
select format('alter table %s drop constraint %s', of, name) from pg_temp.runner_keys \\gexec
${dropAll('m', 'materialized view')}${dropAll('v', 'view')}${dropAll('f', 'foreign table')}select format('drop table if exists %s', string_agg(oid::regclass::text, ', ')) from pg_temp.runner_replaced where relkind in ('r', 'p') having count(*) > 0 \\gexec
select format('drop schema %I cascade', n.nspname) from pg_namespace n where ${inSchemas} \\gexec
`;
}

const after = `select format('alter table %s add constraint %s %s', of, name, definition) from pg_temp.runner_keys \\gexec
drop table pg_temp.runner_keys, pg_temp.runner_replaced;
`;

/** Takes parts of `target` away and puts those of `beside` there, in one transaction. */
export function move(
  spec: Spec,
  parts: readonly string[],
  { beside, target }: { beside: string; target: string },
  facts: Facts,
): Command[] {
  const { role: _, settings: __, ...plain } = spec;
  const from = live(plain, beside, facts);
  const dump: Command = {
    argv: [
      pathFor(facts, 'pg_dump', majorOf(facts.survey?.version)),
      '--no-password',
      '--format=plain',
      '--strict-names',
      { join: ['--file=', { work: 'part.sql' }] },
      ...parts.map((part) => (schemaOf(part) === null ? `--table=${part}` : `--schema=${schemaOf(part)}`)),
    ],
    env: from.env,
    files: from.files,
  };
  const apply = runSql(facts, live(plain, target, facts), [
    '--single-transaction',
    ...['before.sql', 'part.sql', 'after.sql'].flatMap((path) => ['-f', { work: path }]),
  ]);
  const scripts = [
    { path: 'before.sql', value: before(parts) },
    { path: 'after.sql', value: after },
  ];
  return [dump, { ...apply, files: [...(apply.files ?? []), ...scripts] }];
}
