/** Names and texts as parts of SQL. Sessions of ours run without NO_BACKSLASH_ESCAPES and ANSI_QUOTES or do not rely on them. */
import { Buffer } from 'node:buffer';

/** A text as a literal that means the same in every sql_mode: what could be read as an escape is written in hexadecimal. */
export function literal(text: string): string {
  if (/^[^\\\p{Cc}]*$/u.test(text)) return `'${text.replaceAll("'", "''")}'`;
  return `_utf8mb4 X'${Buffer.from(text, 'utf8').toString('hex')}'`;
}

/** A name in backticks. */
export const identifier = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** A database in GRANT, where `_` and `%` are wildcards. */
export const grantScope = (database: string): string => identifier(database.replaceAll(/[\\_%]/g, String.raw`\$&`));

/** `user@host` as GRANT wants it. */
export function account(matched: string): string {
  const at = matched.lastIndexOf('@');
  return `${literal(matched.slice(0, at))}@${literal(matched.slice(at + 1))}`;
}

/** An expression of SQL that puts the value of a column into backticks. */
export const quotedColumn = (column: string): string => `CONCAT('\`', REPLACE(${column}, '\`', '\`\`'), '\`')`;

/** A condition: `column` is, letter by letter, this name, on servers that distinguish case. */
export const isNamed = (column: string, name: string): string =>
  `(${column} = ${literal(name)} AND (@@lower_case_table_names <> 0 OR CAST(${column} AS BINARY) = CAST(${literal(name)} AS BINARY)))`;

/** What the clients escape in batch output, undone. */
export function unescapeField(field: string): string {
  const meant: Record<string, string> = { t: '\t', n: '\n', '0': '\0', '\\': '\\' };
  return field.replaceAll(/\\([tn0\\])/g, (_, letter: string) => meant[letter]!);
}
