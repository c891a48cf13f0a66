import type { Argument, Value } from './command.ts';

/** How what is known only at run time is filled in. Preview and execution differ in this value and in nothing else. */
export type Lookup = { out(reference: string): string; work(path: string): string };

/** The preview's: what a run will bind is shown by its name. */
export const placeholders: Lookup = {
  out: (reference) => `‹${reference}›`,
  work: (path) => `‹work›/${path}`,
};

/** The text of one argument. */
export function render(argument: Argument, lookup: Lookup): string {
  if (typeof argument === 'string') return argument;
  if ('out' in argument) return lookup.out(argument.out);
  if ('work' in argument) return lookup.work(argument.work);
  return argument.join.map((part) => render(part, lookup)).join('');
}

/** The text of a value for display: a secret is shown by its name. */
export function renderValue(value: Value, lookup: Lookup): string {
  if (typeof value === 'object' && 'text' in value) return value.text.map((part) => renderValue(part, lookup)).join('');
  if (typeof value === 'object' && 'secret' in value)
    return `${value.before ?? ''}‹secret:${value.secret}›${value.after ?? ''}`;
  return render(value, lookup);
}
