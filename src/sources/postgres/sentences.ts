/** Queries that print sentences, one a line, about what would go wrong. A person reads them, and types what they say. */
import { literal, oneLine } from './sql.ts';

/** So many names are told; how many more there are is counted. */
export const named = 5;

/** Relations with their schemas, as the conditions of patterns.ts call them. */
export const relations = 'pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace';

/** The column `name` of a relation. */
export const qualified = `format('%I.%I', n.nspname, c.relname) as name`;

/** Who asks. */
export const me = 'quote_ident(current_user)';

/** Over rows with a column `name`: `a, b, c, d, e and 7 more`. */
export const someNames = `array_to_string((array_agg(name order by name))[1:${named}], ', ')
  || case when count(*) > ${named} then ' and ' || count(*) - ${named} || ' more' else '' end`;

/** One sentence about all rows of `query`, where it has any; `parts` are expressions over them. */
export function sentence(query: string, ...parts: string[]): string {
  return `select ${oneLine(parts.join(' || '))} from (${query}) found having count(*) > 0`;
}

/** The one of `names` (a query with a column `name`) that shares most pairs of letters with what was asked for, or null. */
function nearest(names: string, asked: string): string {
  const wanted = literal(asked.toLowerCase());
  return `(select name from (${names}) near, lateral (select count(*) as shared from generate_series(1, length(name) - 1) i
    where position(substr(lower(name), i, 2) in ${wanted}) > 0) pairs
    where shared * 2 >= greatest(length(name), ${asked.length}) - 1 order by shared desc, name limit 1)`;
}

/** `there is no table ordres; did you mean orders?`, where `query` finds nothing. */
export function absent(what: string, asked: string, query: string, names: string): string {
  const text = `${literal(`there is no ${what} ${asked}`)} || coalesce('; did you mean ' || ${nearest(names, asked)} || '?', '')`;
  return `select ${oneLine(text)} where not exists (${query})`;
}
