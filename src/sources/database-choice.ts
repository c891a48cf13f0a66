/** Databases by patterns, the same for every server. */

/** `matching` and `except` of a plan: `*` is any text, `?` any character, everything else is as it is. */
export type DatabaseChoice = { matching: readonly string[]; except?: readonly string[] };

/** Whether a plan's patterns mean the database with this name. */
export function isChosen(name: string, { matching, except = [] }: DatabaseChoice): boolean {
  return matchesAny(name, matching) && !matchesAny(name, except);
}

function matchesAny(name: string, globs: readonly string[]): boolean {
  return globs.some((glob) => {
    const expression = glob
      .replaceAll(/[\\^$.+()[\]{}|]/g, String.raw`\$&`)
      .replaceAll('*', '[^]*')
      .replaceAll('?', '[^]');
    return new RegExp(`^(?:${expression})$`, 'u').test(name);
  });
}
