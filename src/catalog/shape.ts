/** Checks of data that came from a store: every reader says what it needs, in the words of the file. */
import { Damaged } from './document.ts';

export type Reader<T> = (value: unknown, at: string) => T;

export const wrong = (at: string, expected: string): never => {
  throw new Damaged(`"${at}" is not ${expected}`);
};

export const text: Reader<string> = (value, at) => (typeof value === 'string' ? value : wrong(at, 'a text'));
export const hex: Reader<string> = (value, at) =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value : wrong(at, 'a SHA-256');
export const count: Reader<number> = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong(at, 'a whole number');
export const amount: Reader<number> = (value, at) =>
  typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : wrong(at, 'a number');
export const time: Reader<string> = (value, at) =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value))
    ? value
    : wrong(at, 'a time');
export const matching =
  (pattern: RegExp, expected: string): Reader<string> =>
  (value, at) =>
    typeof value === 'string' && pattern.test(value) ? value : wrong(at, expected);
export const record: Reader<Record<string, unknown>> = (value, at) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : wrong(at, 'an object');

export function list<T>(each: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return wrong(at, 'a list');
    return value.map((item, index) => each(item, `${at}[${index}]`));
  };
}

export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value, at) => (value === undefined ? undefined : reader(value, at));
}

export function nullable<T>(reader: Reader<T>): Reader<T | null> {
  return (value, at) => (value === null ? null : reader(value, at));
}

/** Checks the named members and leaves all others as they are: unknown fields are kept. */
export function members(readers: Record<string, Reader<unknown>>): Reader<Record<string, unknown>> {
  return (value, at) => {
    const object = record(value, at);
    for (const [name, reader] of Object.entries(readers)) {
      reader(Object.hasOwn(object, name) ? object[name] : undefined, at === '' ? name : `${at}.${name}`);
    }
    return object;
  };
}

/** Runs a check of a whole file; its complaint becomes one sentence with the file's name. */
export function checked<T>(value: unknown, reader: Reader<unknown>, name: string): T {
  try {
    reader(value, '');
  } catch (error) {
    if (error instanceof Damaged) throw new Damaged(`${name} is damaged: ${error.message}.`);
    throw error;
  }
  return value as T;
}
