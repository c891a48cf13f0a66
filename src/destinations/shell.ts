/** Words of a POSIX shell, for what a person does by hand. */
import { shellWord } from '../ssh.ts';

/** One word, quoted where it must be. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : shellWord(text);
}

/** The last part of a key: how a fetched file is called. */
export const fileOf = (key: string) => key.slice(key.lastIndexOf('/') + 1);
