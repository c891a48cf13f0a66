/** What mongodump and mongorestore are told. */
import type { Argument, Command } from '../../command.ts';
import { ExitCode, RunnerError } from '../../diagnostic.ts';
import type { CapturePlan, Facts, RestoreOptions, Target } from '../../kind.ts';
import type { Recipe } from '../../recipe.ts';
import { connected, optionValue } from './connection.ts';
import { foundOf, hasOplog, type Spec, takesOplog } from './spec.ts';

const config = (path: Argument): Argument => ({ join: ['--config=', path] });

/**
 * Collections that are left out by name. mongodump takes one `--collection` a call, so that several are chosen by leaving out the
 * others that the server has.
 */
function excluded(spec: Spec, facts: Facts): string[] {
  const { collections, 'exclude-collections': exclude = [] } = spec;
  const known = foundOf(facts)?.collections;
  if (!collections || !known) return exclude;
  const others = known
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('system.') && !collections.includes(name));
  return [...new Set([...exclude, ...others])];
}

export function capture(spec: Spec, facts: Facts): CapturePlan {
  const { database, collections = [], users } = spec;
  const oplog = takesOplog(spec, facts);
  const alone = !foundOf(facts)?.collections && collections.length === 1 ? collections : [];
  const produce = connected({ spec, target: null }, (path) => [
    'mongodump',
    config(path),
    ...(database === undefined ? [] : [`--db=${optionValue(database)}`]),
    ...alone.map((name) => `--collection=${optionValue(name)}`),
    ...excluded(spec, facts).map((name) => `--excludeCollection=${optionValue(name)}`),
    ...(oplog ? ['--oplog'] : []),
    ...(users && database !== undefined ? ['--dumpDbUsersAndRoles'] : []),
    '--archive',
  ]);
  const told = (text: string): Command => ({ argv: ['printf', '%s', text] });
  return {
    prepare: [],
    produce,
    counter: { argv: ['runner-builtin', 'mongo-archive', '--pass', '--count'] },
    cleanup: [],
    plain: { stderr: '^runner-builtin mongo-archive: (\\d+) bytes$' },
    learn: { oplog: told(oplog ? 'yes' : 'no'), database: told(database ?? '') },
  };
}

/** Proves the archive whole, of the right database, and with the oplog that it should have. */
function check(spec: Spec, facts: Facts, ...more: string[]): Command {
  const database = facts.made?.facts.database ?? spec.database;
  return {
    argv: [
      'runner-builtin',
      'mongo-archive',
      ...more,
      ...(hasOplog(spec, facts) ? ['--oplog'] : []),
      ...(database ? ['--database', database] : []),
    ],
  };
}

export function content(spec: Spec, facts: Facts): Recipe {
  return { intake: { consume: check(spec, facts) } };
}

/** Documents come back as they are, also where a validator has become stricter since; the first error ends it. */
const strict = ['--stopOnError', '--bypassDocumentValidation'];

/** In the patterns of mongorestore. */
const literal = (name: Argument): Argument =>
  typeof name === 'string' ? name.replaceAll('\\', '\\\\').replaceAll('*', '\\*') : name;

/**
 * Under which names the data is put. Of a dump of one database everything goes to the target, whatever it was called; out of a dump of
 * all, one database is taken.
 */
function renaming(database: string, { path }: Target, facts: Facts): Argument[] {
  if (facts.made?.facts.database === '') {
    const from = `${literal(database) as string}.*`;
    return [`--nsInclude=${from}`, `--nsFrom=${from}`, { join: ['--nsTo=', literal(path), '.*'] }];
  }
  return ['--nsFrom=$database$.$collection$', { join: ['--nsTo=', path, '.$collection$'] }];
}

/** All of a dump of a server, each database under its own name. */
function everything(spec: Spec, facts: Facts, options: RestoreOptions): Argument[] {
  if (!hasOplog(spec, facts)) return [];
  const limit = options['oplog-limit'];
  return ['--oplogReplay', ...(limit === undefined ? [] : [`--oplogLimit=${limit}`])];
}

function noOplog(): RunnerError {
  const why = 'this is none: a dump of one database has no oplog, nor has one of a server that is no replica set';
  return new RunnerError(`oplog-limit ends the replay of a dump of all of a server, and ${why}`, {
    exitCode: ExitCode.usage,
  });
}

/** Databases under names that begin with a text; what belongs to the server stays as it is there. */
function prefixed(prefix: Argument): Argument[] {
  return [
    ...['--nsExclude=admin.*', '--nsExclude=config.*', '--nsFrom=$database$.$collection$'],
    { join: ['--nsTo=', prefix, '$database$.$collection$'] },
  ];
}

/** `drop`: what is there goes, collection by collection. */
export function restore(
  spec: Spec,
  target: Target,
  facts: Facts,
  options: RestoreOptions = {},
  { program = 'mongorestore', drop = false }: { program?: string; drop?: boolean } = {},
): Recipe {
  const { database, users } = spec;
  if (options['oplog-limit'] !== undefined && (database !== undefined || !hasOplog(spec, facts))) throw noOplog();
  const which =
    database !== undefined
      ? renaming(database, target, facts)
      : target.server && target.path !== ''
        ? prefixed(target.path)
        : everything(spec, facts, options);
  // Users belong to the database by its name: they come back with it, and with no other.
  const withUsers = users && !target.server && target.path === database && facts.made?.facts.database !== '';
  const names: Argument[] = withUsers ? [`--db=${optionValue(database!)}`, '--restoreDbUsersAndRoles'] : which;
  return {
    through: check(spec, facts, '--pass'),
    intake: {
      consume: connected({ spec, target }, (path) => [
        program,
        config(path),
        ...names,
        ...(drop ? ['--drop'] : []),
        ...strict,
        '--archive',
      ]),
    },
  };
}
