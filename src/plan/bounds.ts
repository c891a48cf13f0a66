/**
 * What one plan file may hold. A plan of a few hundred backups stays far below each bound; a hostile one is told
 * so before it can cost memory or time.
 */
export const bounds = {
  /** Bytes of one file. */
  bytes: 1024 * 1024,
  /** Maps and lists inside each other, aliases followed. */
  depth: 100,
  /** Keys and list items, those behind an alias counted each time it is used. */
  entries: 20_000,
  /** Words, marks, blanks and line ends: some ten to an entry. */
  tokens: 250_000,
  /** Uses of an anchor. */
  aliases: 1_000,
  /** Files of one chain of `extends`, the plan itself included. */
  files: 10,
} as const;
