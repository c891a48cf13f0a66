/** Text as SQL. Every value of a plan or a server goes through these two. */

/** A string literal, whatever standard_conforming_strings says. */
export function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An expression that keeps a text on one line and within one column: tabs and line breaks are written `\t` and `\n`. */
export function oneLine(expression: string): string {
  return `replace(replace(replace(replace(${expression}, '\\', '\\\\'), chr(9), '\\t'), chr(10), '\\n'), chr(13), '\\r')`;
}
