import { readdir } from 'node:fs/promises';

/** How many files (no directories; links count) below a directory have a path that a pattern matches: `*`, `**`, `?`. */
export async function countFiles(directory: string, pattern: string): Promise<number> {
  const matches = patternExpression(pattern);
  let count = 0;
  const visit = async (path: string): Promise<void> => {
    for (const entry of await readdir(`${directory}/${path}`, { withFileTypes: true })) {
      const name = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) await visit(name);
      else if (matches.test(name)) count += 1;
    }
  };
  await visit('');
  return count;
}

/** The same of paths that were listed elsewhere, each with a NUL behind it. */
export function countNames(listed: string, pattern: string): number {
  const matches = patternExpression(pattern);
  return listed.split('\0').filter((name) => name !== '' && matches.test(name.replace(/^\.\//, ''))).length;
}

/** `**` spans directories, `*` and `?` do not. `.` and a plain directory name mean all below it. */
function patternExpression(pattern: string): RegExp {
  const plain = pattern.replace(/^\.?\/+/, '').replace(/\/+$/, '');
  if (plain === '' || plain === '.') return /^/;
  if (!/[*?]/.test(plain)) return new RegExp(`^${escaped(plain)}(/|$)`, 's');
  const parts = plain.split(/(\*\*\/|\*\*|\*|\?)/).map((part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part === '?' ? '[^/]' : escaped(part);
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
