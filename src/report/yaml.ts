/** Plain data as YAML for a reader; every text that YAML could take for something else is quoted as in JSON. */
export function toYaml(value: unknown): string {
  return `${lines(value, '').join('\n')}\n`;
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value))
    return value.length === 0 ? [`${indent}[]`] : value.flatMap((item) => listItem(item, indent));
  if (typeof value !== 'object' || value === null) return [`${indent}${scalar(value)}`];
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  if (entries.length === 0) return [`${indent}{}`];
  return entries.flatMap(([key, part]) => {
    if (isLeaf(part)) return [`${indent}${text(key)}: ${flow(part)}`];
    return [`${indent}${text(key)}:`, ...lines(part, `${indent}  `)];
  });
}

function listItem(item: unknown, indent: string): string[] {
  if (isLeaf(item)) return [`${indent}- ${flow(item)}`];
  const [first, ...rest] = lines(item, `${indent}  `);
  return [`${indent}- ${first!.slice(indent.length + 2)}`, ...rest];
}

/** Scalars, empty collections and short lists of scalars stay on one line. */
function isLeaf(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Object.keys(value).length === 0) return true;
  const plain = Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null);
  return plain && JSON.stringify(value).length < 80;
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => scalar(item)).join(', ')}]`;
  return typeof value === 'object' && value !== null ? '{}' : scalar(value);
}

function scalar(value: unknown): string {
  return typeof value === 'string' ? text(value) : String(JSON.stringify(value) ?? 'null');
}

const plainText = /^[A-Za-z/~][\w./~+-]*$/;
const words = /^(y|n|yes|no|on|off|true|false|null|~)$/i;

function text(value: string): string {
  return plainText.test(value) && !words.test(value) ? value : JSON.stringify(value);
}
