/**
 * Tells whether a name (bytes as latin1 text) matches one segment of a glob: `*` anything, also at the start of a hidden
 * name, `?` one character, `[abc]`, `[a-z]`, `[!abc]`. A `[` that is never closed stands for itself.
 */
export function matcher(segment: string): (name: string) => boolean {
  const source = segment.replace(/\[(!?)(\]?[^\]]*)\]|[\s\S]/g, (part, negated?: string, characters?: string) => {
    if (characters) return `[${negated ? '^' : ''}${characters.replace(/[\\\]^[]/g, '\\$&')}]`;
    if (part === '*') return '[\\s\\S]*';
    // One character of UTF-8, or else one byte.
    if (part === '?') return '(?:[\\xc2-\\xf4][\\x80-\\xbf]+|[\\s\\S])';
    return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  const expression = new RegExp(`^${source}$`);
  return (name) => expression.test(name);
}
