/** What a filter says when it gives up: one line, for a person. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** The value of `--name VALUE` among the arguments; the only form that these programs take. */
export function option(args: readonly string[], name: string): string | undefined {
  const end = args.indexOf('--');
  const at = (end < 0 ? args : args.slice(0, end)).indexOf(`--${name}`);
  return at < 0 ? undefined : args[at + 1];
}

/** The value of an option as a whole number within bounds. */
export function numberOption(args: readonly string[], name: string, bounds: { least: number; most: number }): number {
  const value = Number(option(args, name));
  if (Number.isInteger(value) && value >= bounds.least && value <= bounds.most) return value;
  throw new Failure(`--${name} wants a whole number from ${bounds.least} to ${bounds.most}`);
}
