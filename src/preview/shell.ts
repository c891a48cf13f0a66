/** Commands as the shell lines that they are. Only for reading: nothing is ever run through a shell. */
import { type Lookup, render, renderValue } from '../bind.ts';
import type { Command, Recipe, Stage } from '../graph.ts';

const plain = /^[\w@%+=:,./‹›-]+$/u;

/** One word, quoted where a shell would need it. */
export function quote(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** `NAME=‹secret:x› program argument 3<‹secret:key›` */
export function shellLine(command: Command, lookup: Lookup): string {
  const environment = Object.entries(command.env ?? {})
    .filter(([name]) => !name.startsWith('RUNNER_'))
    .map(([name, value]) => `${name}=${quote(renderValue(value, lookup))}`);
  const feeds = (command.feed ?? []).map(
    ({ fd, value }) => `${fd === 0 ? '' : fd}<${quote(renderValue(value, lookup))}`,
  );
  return [...environment, ...command.argv.map((part) => quote(render(part, lookup))), ...feeds].join(' ');
}

/** The commands before a pipeline, then the pipeline as one line, then the commands after it. */
export function shellPipeline(
  parts: { before: Command[]; links: string[]; stages: Stage[]; after: Command[]; end: string },
  lookup: Lookup,
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
export function recipeLines(origin: string, decode: Stage[], recipe: Recipe | null, lookup: Lookup): string[] {
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
  const links = [origin, ...decode.map(({ command }) => line(command))].join(' | ');
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
