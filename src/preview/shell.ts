/** Commands as the shell lines that they are. Only for reading: nothing is ever run through a shell. */
import { type Lookup, render, renderValue } from '../bind.ts';
import type { Command, Stage } from '../command.ts';
import { placeName } from '../place-name.ts';
import type { Recipe } from '../recipe.ts';
import { quotedWord } from '../shell.ts';

const plain = /^[\w@%+=:,./‹›-]+$/u;

/** One word, quoted where a shell would need it. */
export function quote(word: string): string {
  return plain.test(word) ? word : quotedWord(word);
}

/** How much is shown: `full` also shows the environment that a driver sets, and long scripts to their end. */
export type View = Lookup & { full?: boolean };

/** The longest word that a reader is shown whole, in characters. */
const longestWord = 120;
const shownOfLong = 60;

/** What shuts a throw-away server in, when the runner is root: `[nobody]` says it. */
const shutIn = /^(?:unshare --net -- )?setpriv --reuid=65534 (?:--\S+ )+-- /;

/** `[docker shop-postgres] program argument 3<‹secret:key›`; of a program of the user's also `NAME=‹secret:x›`. */
export function shellLine(command: Command, view: View): string {
  const word = (text: string) => quote(view.full ? text : brief(text));
  const environment = Object.entries(command.env ?? {})
    .filter(([name]) => !name.startsWith('RUNNER_') && (view.full || command.inheritEnvironment))
    .map(([name, value]) => `${name}=${word(renderValue(value, view))}`);
  const feeds = (command.feed ?? []).map(({ fd, value }) => `${fd === 0 ? '' : fd}<${word(renderValue(value, view))}`);
  const program = command.argv.map((part) => word(render(part, view))).join(' ');
  const line = [...environment, view.full ? program : program.replace(shutIn, '[nobody] '), ...feeds].join(' ');
  return command.place ? `[${placeName(command.place, view)}] ${line}` : line;
}

function brief(text: string): string {
  const [first = ''] = text.trim().split('\n', 1);
  const whole = first.length === text.trim().length && text.length <= longestWord;
  return whole ? text : `${first.slice(0, shownOfLong).trim()} …`;
}

/** The commands before a pipeline, then the pipeline as one line, then the commands after it. */
export function shellPipeline(
  parts: { before: Command[]; links: string[]; stages: Stage[]; after: Command[]; end: string },
  lookup: View,
): string[] {
  const line = (command: Command) => shellLine(command, lookup);
  const pipeline = [...parts.links, ...parts.stages.map(({ command }) => line(command))].join(' | ');
  return [
    ...parts.before.map(line),
    ...parts.stages.flatMap(({ prepare }) => (prepare ?? []).map(line)),
    `${pipeline}${parts.end}`,
    ...parts.stages.flatMap(({ cleanup }) => (cleanup ?? []).map(line)),
    ...parts.after.map(line),
  ];
}

/** How an artifact is opened: decoding links, then where the plain stream goes. */
export function recipeLines(origin: string, decode: Stage[], recipe: Recipe | null, lookup: View): string[] {
  if (!recipe) return [`${origin} | sha256`];
  const { intake } = recipe;
  const consumer =
    'consume' in intake
      ? ` | ${shellLine(intake.consume, lookup)}`
      : 'file' in intake
        ? ` > ${quote(render(intake.file, lookup))}`
        : ' > /dev/null';
  const line = (command: Command) => shellLine(command, lookup);
  const servers = (after: 'prepare' | 'intake') =>
    (recipe.servers ?? []).filter((server) => server.after === after).map(({ held }) => `${line(held.command)} &`);
  const filters = [...decode.map(({ command }) => command), ...(recipe.through ? [recipe.through] : [])];
  const links = [origin, ...filters.map(line)].join(' | ');
  return [
    ...(recipe.prepare ?? []).map(line),
    ...servers('prepare'),
    ...decode.flatMap(({ prepare }) => (prepare ?? []).map(line)),
    `${links}${consumer}`,
    ...decode.flatMap(({ cleanup }) => (cleanup ?? []).map(line)),
    ...servers('intake'),
    ...[...(recipe.load ?? []), ...(recipe.cleanup ?? []), ...(recipe.sweep ?? [])].map(line),
  ];
}
