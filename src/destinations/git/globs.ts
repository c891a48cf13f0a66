/** `*` and `?` within a name, `**` across folders. A pattern without a slash holds for names at any depth. */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const all = patterns.map((pattern) => {
    const plain = pattern.replace(/^\/+|\/+$/g, '');
    const text = plain.replace(/\*\*\/|\*\*|[*?]|[.+^${}()|[\]\\]/g, translated);
    return new RegExp(`${pattern.includes('/') ? '^' : '(?:^|/)'}${text}(?:$|/)`, 's');
  });
  return (path) => {
    const plain = path.replace(/^(?:\.?\/+)+/, '');
    return all.some((pattern) => pattern.test(plain));
  };
}

function translated(sign: string): string {
  const meanings: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };
  return meanings[sign] ?? `\\${sign}`;
}
