/** Words of a POSIX shell. */

/** One word, quoted whether it must be or not. */
export function quotedWord(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** One word, quoted where it must be: for a person's eye. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : quotedWord(word);
}
