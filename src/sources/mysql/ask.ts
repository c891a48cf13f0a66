import type { Argument, Command } from '../../command.ts';
import type { Facts, Question, Target } from '../../kind.ts';
import { type ClientOptions, statement } from './connection.ts';
import { contentsCommand } from './contents.ts';
import { databaseOf, type MysqlSpec } from './spec.ts';
import { literal } from './sql.ts';

/** A question to restored data, or to the live source with `target` null. Rows are lines, columns separated by tabs. */
export function ask(spec: MysqlSpec, question: Question, target: Target | null, facts: Facts): Command {
  const options = place(spec, target, facts);
  if ('contents' in question) return contentsCommand(spec, facts, question.contents, options);
  if (!('sql' in question)) throw new Error('a mysql source was asked what it does not answer');
  return statement(spec, facts, readOnly(question.sql), options);
}

export function place(spec: MysqlSpec, target: Target | null, facts: Facts): ClientOptions {
  const database: Argument | null = target ? target.path : databaseOf(spec, facts);
  return {
    ...(database === null ? {} : { database }),
    ...(target?.server ? { server: target.server } : {}),
  };
}

/**
 * One statement that changes nothing: a prepared one cannot bring a second, and in a session that only reads the server refuses
 * to write, to commit by a definition, and to call what writes.
 */
function readOnly(sql: string): string {
  return `SET SESSION TRANSACTION READ ONLY; SET @asked = ${literal(sql)}; PREPARE asked FROM @asked; EXECUTE asked`;
}
