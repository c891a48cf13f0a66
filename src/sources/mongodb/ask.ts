import type { Argument, Command } from '../../command.ts';
import type { Facts, Question, Target } from '../../kind.ts';
import { type At, connected } from './connection.ts';
import { shellScript } from './shell.ts';
import type { Spec } from './spec.ts';

/** One action of `runner-builtin mongo`, by that program or, where it is not, by MongoDB's shell. */
export function asked(at: At, words: Argument[], facts: Facts): Command {
  if (!facts.elsewhere) return connected(at, (config) => ['runner-builtin', 'mongo', config, ...words]);
  const command = connected(at, () => []);
  const script = { path: 'mongo.js', value: shellScript };
  return {
    ...command,
    argv: ['mongosh', '--quiet', '--norc', '--nodb', { work: 'mongo.js' }],
    files: [...(command.files ?? []), script],
    // Its arguments would be read as files; what they say may stand in the environment.
    env: {
      MONGO_CONFIG: { work: 'mongo.json' },
      MONGO_COUNT: String(words.length),
      ...Object.fromEntries(words.map((word, index) => [`MONGO_WORD_${index}`, word])),
    },
  };
}

/** A database by its name; all of a server's; or those that begin like the target's. */
export function scopeOf(spec: Spec, target: Target | null): Argument[] {
  if (spec.database !== undefined) return ['named', target ? target.path : spec.database];
  return target && target.path !== '' ? ['prefixed', target.path] : ['all'];
}

export function ask(spec: Spec, question: Question, target: Target | null, facts: Facts): Command {
  const scope = scopeOf(spec, target);
  if ('collection' in question) return asked({ spec, target }, ['count', ...scope, question.collection], facts);
  if ('contents' in question) return asked({ spec, target }, ['contents', question.contents, ...scope], facts);
  throw new Error('a mongodb source was asked what it does not answer');
}
