import type { Argument, Command } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import type { Recipe, Tail } from '../../recipe.ts';
import { pathFor } from './programs.ts';
import { formatMade, majorOf, type Spec, serverMajor } from './spec.ts';

/** Since 2025 a line with a random token follows it, so that it is not the last. */
const within = 4096;
export const wholeDump: Tail = { text: '-- PostgreSQL database dump complete', within };
export const wholeGlobals: Tail = { text: '-- PostgreSQL database cluster dump complete', within };
/** Two blocks of zeros end an archive of tar. */
export const wholeArchive: Tail = { zeros: 1024 };

/** The major version that made the archive: an older pg_restore cannot read it. */
export function archiveMajor(facts: Facts): number | null {
  const tool = /\(PostgreSQL\) (.*)/.exec(facts.made?.facts.pg_dump ?? '');
  return majorOf(tool?.[1]) ?? serverMajor(facts);
}

export function restoreTool(facts: Facts): string {
  return pathFor(facts, 'pg_restore', archiveMajor(facts));
}

/** Takes an archive of a directory apart. */
export function unpack(): Command {
  return { argv: ['tar', '-x', '-f', '-', '-C', { work: '.' }] };
}

/**
 * Reads an archive to its last byte, every row of it; a list of what it holds would be content with its beginning. SQL is known
 * by the line with which it ends.
 */
export function content(spec: Spec, facts: Facts): Recipe {
  const read = (from: Argument[]): Command => ({ argv: [restoreTool(facts), '--file=/dev/null', ...from] });
  switch (formatMade(spec, facts)) {
    case 'custom':
      return { intake: { consume: read([]) } };
    case 'plain':
      return { intake: { discard: true }, tail: wholeDump };
    case 'globals':
      return { intake: { discard: true }, tail: wholeGlobals };
    case 'directory':
      return { intake: { consume: unpack() }, tail: wholeArchive, load: [read([{ work: 'dump' }])] };
  }
}
