/** Shorter texts would be found everywhere, and hide nothing that is worth hiding. */
const shortest = 4;

/**
 * Hides secrets in text: a value itself, each of its lines, and their base64, URL and JSON forms, from the moment that it
 * is remembered.
 */
export function redactor(): { remember(name: string, value: string): void; redact(text: string): string } {
  const names = new Map<string, string>();
  let pattern: RegExp | null = null;
  return {
    remember(name, value) {
      for (const text of [value, ...value.split(/\r?\n/).map((line) => line.trim())]) {
        if (text.length < shortest) continue;
        for (const form of forms(text)) if (!names.has(form)) names.set(form, name);
      }
      const longestFirst = [...names.keys()].sort((a, b) => b.length - a.length);
      pattern = longestFirst.length === 0 ? null : new RegExp(longestFirst.map(literally).join('|'), 'g');
    },
    redact(text) {
      return pattern === null ? text : text.replace(pattern, (found) => `‹secret:${names.get(found)}›`);
    },
  };
}

function forms(text: string): string[] {
  const base64 = Buffer.from(text).toString('base64');
  // The padding, and the characters before it, change when something follows.
  const stem = base64.replace(/=+$/, '');
  const urlSafe = Buffer.from(text).toString('base64url');
  const encoded = encodeURIComponent(Buffer.from(text).toString());
  const strict = encoded.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ v: text }).toString().slice(2);
  return [text, base64, stem, urlSafe, encoded, strict, form, JSON.stringify(text).slice(1, -1)];
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
