/** The patterns of pg_dump as conditions of SQL, so that checks and counts speak of exactly what is dumped. */
import type { Spec } from './spec.ts';
import { literal } from './sql.ts';

/**
 * The parts of a pattern between its dots as regular expressions. As pg_dump reads them: `*` any text, `?` any character,
 * lower case without double quotes, and within those every character as it is.
 */
function partsOf(pattern: string): string[] {
  const parts = [''];
  let quoted = false;
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern[index]!;
    const last = parts.length - 1;
    if (character === '"') {
      if (quoted && pattern[index + 1] === '"') {
        parts[last] += '"';
        index += 1;
      } else quoted = !quoted;
    } else if (!quoted && character === '.') parts.push('');
    else if (!quoted && character === '*') parts[last] += '.*';
    else if (!quoted && character === '?') parts[last] += '.';
    else if (quoted ? /[\\^$.*+?()[\]{}|]/.test(character) : /[$\\]/.test(character)) parts[last] += `\\${character}`;
    else parts[last] += quoted ? character : character.toLowerCase();
  }
  return parts;
}

const matches = (column: string, expression: string) => `${column} ~ ${literal(`^(${expression})$`)}`;

/** A schema by one pattern; `column` is its name. */
export function isSchema(pattern: string, column = 'n.nspname'): string {
  return matches(column, partsOf(pattern).at(-1)!);
}

/** A table (view, sequence) by one pattern; `c` is its pg_class and `n` its schema. Without a schema: where search_path finds it. */
export function isTable(pattern: string): string {
  const parts = partsOf(pattern);
  const name = matches('c.relname', parts.at(-1)!);
  const schema = parts.length > 1 ? matches('n.nspname', parts.at(-2)!) : 'pg_catalog.pg_table_is_visible(c.oid)';
  return `(${schema} and ${name})`;
}

const any = (conditions: string[]) => `(${conditions.join(' or ')})`;

/** Schemas of users: not the server's own. */
const ofUsers = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** Whether a schema `n` is dumped, with what is in it beside tables. */
export function schemaIncluded(spec: Spec): string {
  const { schemas, tables, 'exclude-schemas': excluded } = spec;
  if (tables) return 'false';
  return [
    ofUsers,
    ...(schemas ? [any(schemas.map((pattern) => isSchema(pattern)))] : []),
    ...(excluded ? [`not ${any(excluded.map((pattern) => isSchema(pattern)))}`] : []),
  ].join(' and ');
}

/** Whether a relation `c` in the schema `n` is dumped. With `tables`, pg_dump ignores the rules about schemas. */
export function tableIncluded(spec: Spec): string {
  const { tables, 'exclude-tables': excluded } = spec;
  return [
    tables ? `${ofUsers} and ${any(tables.map(isTable))}` : schemaIncluded(spec),
    ...(excluded ? [`not ${any(excluded.map(isTable))}`] : []),
    `not exists (select from pg_catalog.pg_depend e where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid and e.deptype = 'e')`,
  ].join(' and ');
}

/** Whether what a relation holds is dumped: the rows of a table, the value of a sequence. */
export function dataIncluded(spec: Spec): string {
  const without = spec['exclude-table-data'];
  return without ? `not ${any(without.map(isTable))}` : 'true';
}

/** Whether the rows of a relation are dumped. */
export function rowsIncluded(spec: Spec): string {
  return `c.relkind = 'r' and c.relpersistence <> 't' and ${dataIncluded(spec)}`;
}

/** Whether large objects are in the dump: pg_dump takes them along only when it takes the whole database. */
export function hasLargeObjects({ schemas, tables }: Spec): boolean {
  return !schemas && !tables;
}

/** A dump by schemas creates them, also `public`, which every new database has, and with other grants than there. */
export function createsPublic(spec: Spec): boolean {
  return spec.schemas !== undefined && spec.tables === undefined;
}

/** The same as options of pg_dump. */
export function filterOptions(spec: Spec): string[] {
  const all = (option: string, patterns: readonly string[] | undefined) =>
    (patterns ?? []).map((pattern) => `--${option}=${pattern}`);
  return [
    ...all('schema', spec.schemas),
    ...all('exclude-schema', spec['exclude-schemas']),
    ...all('table', spec.tables),
    ...all('exclude-table', spec['exclude-tables']),
    ...all('exclude-table-data', spec['exclude-table-data']),
  ];
}
