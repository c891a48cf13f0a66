import type { Argument, Command } from '../../command.ts';
import type { Requirement } from '../../graph.ts';
import type { Facts, SourceKind } from '../../kind.ts';
import type { SourceSqlite as SqliteSpec } from '../../plan/generated/types.ts';

/** Seconds that a read waits for a writer's lock, in the modes in which writers block readers. */
const busyTimeout = 60;

/** Read-only, without the user's own start-up file. */
const shell: Argument[] = ['sqlite3', '-init', '/dev/null', '-readonly', '-batch', '-bail'];
const wait = ['-cmd', `.timeout ${busyTimeout * 1000}`];

/** What would be read as an option or as a command of the shell is kept from looking like one. */
function protect(sql: string): string {
  return /^[-.]/.test(sql) ? ` ${sql}` : sql;
}

/** A path is absolute, save when a test or a preview hands over a relative one. */
function protectPath(path: Argument): Argument {
  return typeof path === 'string' && path.startsWith('-') ? `./${path}` : path;
}

/** Since 3.37 the program can refuse what reaches outside the database: ATTACH, shell commands, writing of files. */
function safeMode(facts: Facts): string[] {
  const [major = 0, minor = 0] = (facts.programs.sqlite3?.version ?? '').split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 37) ? ['-safe'] : [];
}

/**
 * One read transaction around the copy: a plain `.backup` begins again after every foreign write and never ends on a
 * busy database. The query in it takes the snapshot, and the copy is made of the same connection.
 */
function copy(path: string, facts: Facts): Command {
  if (!facts.programs.sqlite3 && !facts.elsewhere)
    return { argv: ['runner-builtin', 'sqlite-copy', path, 'copy.sqlite'], cwd: { work: '.' } };
  return {
    argv: [
      ...shell,
      ...wait,
      protectPath(path),
      'BEGIN',
      'SELECT count(*) FROM sqlite_master',
      '.backup main copy.sqlite',
      'COMMIT',
    ],
    cwd: { work: '.' },
  };
}

function query(path: Argument, sql: string, facts: Facts): Command {
  if (!facts.programs.sqlite3 && !facts.elsewhere) return { argv: ['runner-builtin', 'sqlite-query', path, sql] };
  return { argv: [...shell, '-noheader', ...safeMode(facts), ...wait, protectPath(path), protect(sql)] };
}

const noProgram: Requirement = {
  need: 'program',
  program: 'sqlite3',
  why: 'a database elsewhere is copied by it',
  hint: 'apt-get install sqlite3 there, or: apk add sqlite',
};

function requirements(spec: SqliteSpec, facts: Facts): Requirement[] {
  return [
    ...(facts.elsewhere ? [noProgram] : []),
    {
      need: 'path',
      path: spec.path,
      what: 'file',
      why: 'it is the database to be backed up',
      header: 'SQLite format 3\0',
      notEmpty: true,
    },
  ];
}

export const sqlite: SourceKind<SqliteSpec> = {
  role: 'source',
  type: 'sqlite',
  programs: () => ['sqlite3'],
  extension: () => '.sqlite',
  requirements,
  capture: (spec, facts) => ({
    prepare: [copy(spec.path, facts)],
    produce: { argv: ['cat', { work: 'copy.sqlite' }] },
    cleanup: [],
    plain: { file: { work: 'copy.sqlite' } },
  }),
  content: (_spec, facts) => ({
    intake: { file: { work: 'content.sqlite' } },
    finish: [
      {
        title: 'the file holds a database',
        check: 'file',
        path: { work: 'content.sqlite' },
        exists: true,
        size: { atLeast: 512 },
      },
      {
        title: 'pragma integrity_check = ok',
        check: 'output',
        command: query({ work: 'content.sqlite' }, 'pragma integrity_check', facts),
        expect: { equals: 'ok' },
      },
    ],
  }),
  restores: () => 'file',
  home: (spec) => spec.path,
  relocate: (spec, path) => ({ ...spec, path }),
  companions: ['-wal', '-shm', '-journal'],
  restore: (_spec, target) => ({ intake: { file: target.path } }),
  questions: ['sql'],
  ask: (spec, question, target, facts) => {
    if (!('sql' in question)) throw new Error('a sqlite source was asked what it does not answer');
    return query(target?.path ?? spec.path, question.sql, facts);
  },
  manual: () => 'cat > restored.sqlite',
};
