import type { Argument, Command } from '../../command.ts';
import type { Facts, Question, Target } from '../../kind.ts';
import { at, live, statements } from './connection.ts';
import { canonical, contents } from './contents.ts';
import { databaseOf, type Spec } from './spec.ts';

const readOnly = { default_transaction_read_only: 'on' };

/** An answer of restored data, or of the live source. Nothing is changed by it: sessions and transactions are read-only. */
export function ask(spec: Spec, question: Question, target: Target | null, facts: Facts, moment?: Argument): Command {
  const connect = (settings: Record<string, string>) =>
    target ? at(spec, target, facts, settings) : live(spec, databaseOf(spec), facts, settings);
  if ('contents' in question) {
    const given = { spec, facts, isLive: target === null, moment };
    return contents(connect({ ...canonical, ...readOnly }), question.contents, given);
  }
  if (!('sql' in question)) throw new Error('a postgres source was asked what it does not answer');
  const join: Argument[] = moment === undefined ? [] : [{ join: [`SET TRANSACTION SNAPSHOT '`, moment, `'`] }];
  const lead = ['BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY', ...join];
  return statements(connect(readOnly), [...lead, question.sql], facts);
}
