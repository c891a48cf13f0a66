/** Turns one complaint of a compiled validator into a sentence for a person. */
import type { ErrorObject } from 'ajv';
import { expectedByFormat, unions } from './generated/tables.ts';
import { validators } from './generated/validators.js';
import { meantByText, meantByValue, type Shape } from './meant.ts';
import { nearest } from './nearest.ts';
import { childPointer } from './position.ts';

/** What is wrong at a JSON pointer; `key`: the key there is meant and not its value. */
export type Problem = {
  pointer: string;
  key?: true;
  message: string;
  expected?: string;
  suggestion?: string;
  /** The line holds what must not be printed. */
  hideLine?: true;
};

/** `a, b or c`. */
export function either(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** A value as a message quotes it: short, and a text in quotes. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const typeNames: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  null: 'nothing',
};

/** The JSON type of a value, as the schemas name it. */
export function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

const spokenNames: Record<string, string> = {
  'retention-policy': 'a retention',
  'retention-map': 'a retention by destination',
  'destination-filter': 'a filter',
  'file-assertion': 'a file assertion',
};

/** How a message calls a definition: `source-sqlite` is a sqlite source. */
export function spoken(definition: string): string {
  const known = spokenNames[definition];
  if (known !== undefined) return known;
  const words = definition.replace(/^use-(.*)$/, 'transform-$1').split('-');
  const isKind = ['source', 'transform', 'destination'].includes(words[0]!) && words.length > 1;
  const phrase = (isKind ? [...words.slice(1), words[0]!] : words).join(' ');
  return `${/^([aeio]|env |http |rclone |sql |xz )/.test(phrase) && phrase !== 'a' ? 'an' : 'a'} ${phrase}`;
}

/** The thing at a pointer: the plan, `backups.orders`, `backups.orders.verify[0]`. */
function thing(pointer: string): string {
  if (pointer === '') return 'a plan';
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
}

function misformed(format: string, value: string, at: Pick<Problem, 'pointer' | 'key'>): Problem {
  const expected = expectedByFormat[format]!;
  const suggestion = meantByText(format, value);
  const what = expected.replace(/ (?:such as|in quotes|, ).*$/, '');
  const message = (format === 'cron' && wrongField(value)) || `${quoted(value)} is not ${what}`;
  return { ...at, message, expected, ...(suggestion && { suggestion }) };
}

const cronFields = ['minute', 'hour', 'day of the month', 'month', 'day of the week'];

/** Which of five fields of cron is wrong. */
function wrongField(value: string): string | undefined {
  const fields = value.trim().split(/\s+/);
  if (fields.length !== cronFields.length) return undefined;
  const wrong = fields.findIndex(
    (field, index) => !validators.cron(cronFields.map((_, at) => (at === index ? field : '*')).join(' ')),
  );
  return wrong === -1 ? undefined : `${quoted(fields[wrong])} is no ${cronFields[wrong]} of a schedule`;
}

/** Keys that a source cannot do without: in a backup they stand a level too high. */
const sourceKeys = new Set(unions.source!.flatMap(({ keys }) => keys));

function unknownKey(pointer: string, key: string, known: string[], owner: string): Problem {
  const glued = known.find((name) => key.startsWith(`${name}:`));
  if (glued !== undefined) {
    const suggestion = `${glued}: ${key.slice(glued.length + 1)}`;
    return { pointer: childPointer(pointer, key), key: true, message: 'a colon needs a space after it', suggestion };
  }
  const suggestion = nearest(key, known);
  const isMisplaced = /^\/backups\/[^/]+$/.test(pointer) && sourceKeys.has(key);
  return {
    pointer: childPointer(pointer, key),
    key: true,
    message: `unknown key ${quoted(key)} in ${owner}`,
    ...(isMisplaced && { expected: `${quoted(key)} inside "source"` }),
    ...(known.length <= 12 && { expected: either(known) }),
    ...(suggestion && { suggestion }),
  };
}

/** The parts of a schema that say what a value must be. */
type Wanted = {
  type?: string | string[] | undefined;
  format?: string | undefined;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  required?: string[];
  items?: { $ref?: string };
};

/** What the schema of a complaint holds beside it. */
type Complained = Wanted & {
  properties?: object;
  anyOf?: { required: string[] }[];
  not?: { required: string[] };
  propertyNames?: { format: string };
};

/** What a schema wants, in words. */
function wanted(schema: Wanted): string {
  if (schema.enum) return either(schema.enum.map(String));
  if (schema.format && expectedByFormat[schema.format]) return expectedByFormat[schema.format]!;
  if (schema.type === 'object' && schema.required) return mapWith(schema.required, ' and ');
  const type = either([schema.type ?? []].flat().map((name) => typeNames[name]!));
  if (schema.maximum !== undefined) return `${type} from ${schema.minimum} to ${schema.maximum}`;
  return schema.minimum === undefined ? type : `${type} of at least ${schema.minimum}`;
}

const mapWith = (keys: readonly string[], joint?: string) =>
  `a map with ${joint ? keys.map(quoted).join(joint) : either(keys.map(quoted))}`;

/**
 * One complaint in words; null when another one says it better. `owner` is how the definition that is looked at, at
 * `ownerPointer`, is called.
 */
export function word(error: ErrorObject, pointer: string, owner: string | null): Problem | null {
  const { keyword, params, data, schemaPath } = error;
  const schema = (error.parentSchema ?? {}) as Complained;
  const subject = owner ?? thing(pointer);
  // The name of a property is looked at by a schema of its own, and `propertyNames` reports it.
  if (error.propertyName !== undefined) return null;
  switch (keyword) {
    case 'additionalProperties':
      return unknownKey(pointer, params.additionalProperty, Object.keys(schema.properties ?? {}), subject);
    case 'required':
      if (schemaPath.includes('/anyOf/')) return null;
      return { pointer, key: true, message: `${subject} needs ${quoted(params.missingProperty)}` };
    case 'anyOf': {
      const keys = schema.anyOf!.map((branch) => quoted(branch.required[0]));
      return { pointer, key: true, message: `${subject} needs ${either(keys)}` };
    }
    case 'not': {
      const keys = schema.not!.required.map(quoted);
      return { pointer, key: true, message: `${subject} has ${keys.join(' and ')}`, expected: 'one of them' };
    }
    case 'dependencies':
      return {
        pointer: childPointer(pointer, params.property),
        key: true,
        message: `${quoted(params.property)} makes sense only beside ${quoted(params.missingProperty)}`,
      };
    case 'propertyNames':
      return misformed(schema.propertyNames!.format, params.propertyName, {
        pointer: childPointer(pointer, params.propertyName),
        key: true,
      });
    case 'format':
      return misformed(params.format, data as string, { pointer });
    case 'enum':
    case 'const': {
      const known = (params.allowedValues ?? [params.allowedValue]).map(String);
      const suggestion = typeof data === 'string' ? nearest(data, known) : undefined;
      const message = `${quoted(data)} is not known here`;
      return { pointer, message, expected: either(known), ...(suggestion && { suggestion }) };
    }
    case 'type':
      return wrongType(pointer, data, wanted(schema), schema);
    case 'minimum':
    case 'maximum':
      return {
        pointer,
        message: `${data} is too ${keyword === 'minimum' ? 'small' : 'large'}`,
        expected: wanted(schema),
      };
    case 'minItems':
    case 'minProperties':
      return {
        pointer,
        message: `${thing(pointer)} is empty`,
        expected: keyword === 'minItems' ? 'at least one item' : 'at least one key',
      };
    case 'maxProperties':
      return { pointer, message: `${thing(pointer)} has more than one key`, expected: 'one key' };
    case 'uniqueItems':
      return {
        pointer: childPointer(pointer, params.i),
        message: `${quoted((data as unknown[])[params.i])} stands here twice`,
      };
    default:
      return { pointer, message: `${thing(pointer)} does not fit the plan language (${keyword})` };
  }
}

/** A value of a type that cannot stand here. */
export function wrongType(
  pointer: string,
  value: unknown,
  expected: string,
  shape: Shape & Pick<Wanted, 'required'> = {},
): Problem {
  const found = value === null ? 'nothing' : typeof value === 'boolean' ? `${value}` : typeNames[typeOf(value)]!;
  // Whoever writes a text where a secret is referred to has most likely written the secret.
  if (typeof value === 'string' && shape.required?.[0] === 'secret')
    return { pointer, message: `${thing(pointer)} cannot be a text`, expected: '{ secret: NAME }', hideLine: true };
  const suggestion = meantByValue(value, shape);
  return { pointer, message: `${thing(pointer)} cannot be ${found}`, expected, ...(suggestion && { suggestion }) };
}

/** What one of several definitions wants, for a value that fits none of them by its type. */
export function wantedOf(
  branches: readonly { type?: string | string[]; format?: string; kind?: string; keys: string[] }[],
): string {
  const maps = branches.filter(({ type }) => type === 'object');
  const keys = maps.map(({ keys: [first], kind }) => (kind === undefined ? first : 'type'));
  const map = keys.every((key) => key !== undefined) ? mapWith([...new Set(keys)]) : 'a map';
  const others = branches.filter(({ type }) => type !== 'object').map((branch) => wanted(branch));
  return either([...new Set(maps.length > 0 ? [...others, map] : others)]);
}
