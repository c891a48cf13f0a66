import type { Argument, Command, ExitRule } from '../../command.ts';
import type { CapturePlan, Facts } from '../../kind.ts';
import type { Recipe, Tail } from '../../recipe.ts';
import { clientFor, login, statement } from './connection.ts';
import { mayReadPosition } from './privileges.ts';
import { findProgram, olderThan, type Program, seriesOf, usualName } from './programs.ts';
import { databaseOf, type Flavour, flavourOf, type MysqlSpec, wanted, wantsHashes } from './spec.ts';
import { literal } from './sql.ts';
import { usersCommand, usersEnd } from './users.ts';

/** The last line of every whole dump; dates are left out, so that two dumps of the same data are the same. */
const dumpEnd = '\n-- Dump completed\n';

const endOf = (text: string): Tail => ({ text, within: text.length });

export const tailOf = ({ part }: MysqlSpec): Tail => endOf(part && 'users' in part ? usersEnd : dumpEnd);

export function dumpProgram(spec: MysqlSpec, facts: Facts): Program {
  const flavour = flavourOf(spec, facts);
  const name = usualName('dump', flavour);
  return (
    findProgram(facts, 'dump', flavour, seriesOf(facts.survey?.version)) ??
    findProgram(facts, 'dump', flavour === 'mysql' ? 'mariadb' : 'mysql') ?? {
      command: name,
      path: name,
      flavour,
      version: { major: 0, minor: 0 },
    }
  );
}

/** What only one maker's program knows. GTIDs of a dump would make it unloadable anywhere else: they are kept in the manifest. */
function ownOptions(program: Program, position: boolean): string[] {
  if (program.flavour === 'mariadb') return position ? ['--master-data=2', '--gtid'] : [];
  const renamed = !olderThan(program.version, { major: 8, minor: 2 });
  return [
    '--set-gtid-purged=OFF',
    '--loose-column-statistics=OFF',
    // Policies belong to the server, and only an administrator may read them.
    '--loose-masking-policies=OFF',
    ...(position ? [renamed ? '--source-data=2' : '--master-data=2'] : []),
  ];
}

const whole = (names: readonly string[] | undefined): readonly string[] => names ?? [];

/** One database, without its name: so it can be loaded under another. */
export function dumpCommand(spec: MysqlSpec, database: string, facts: Facts, more: Argument[] = []): Command {
  const program = dumpProgram(spec, facts);
  const { options, ...rest } = login(spec, program.flavour);
  const { routines, events, triggers } = wanted(spec);
  const excluded = whole(spec['exclude-tables']).map((table) => `--ignore-table=${database}.${table}`);
  return {
    argv: [
      program.command,
      ...options,
      '--single-transaction',
      '--quick',
      '--skip-lock-tables',
      '--hex-blob',
      '--no-tablespaces',
      '--skip-dump-date',
      '--default-character-set=utf8mb4',
      '--max-allowed-packet=1G',
      routines ? '--routines' : '--skip-routines',
      events ? '--events' : '--skip-events',
      triggers ? '--triggers' : '--skip-triggers',
      ...ownOptions(program, mayReadPosition(facts)),
      ...excluded,
      ...more,
      '--',
      database,
      ...whole(spec.tables),
    ],
    ...rest,
  };
}

/** What the manifest keeps of the server: how to make such a database again, and where in its history the dump begins. */
function learn(spec: MysqlSpec, database: string, facts: Facts): Record<string, Command> {
  const ask = (sql: string) => statement(spec, facts, sql);
  const flavour: Flavour = clientFor(spec, facts).flavour;
  const series = seriesOf(facts.survey?.version);
  const status =
    flavour === 'mysql' && series && !olderThan(series, { major: 8, minor: 2 })
      ? 'SHOW BINARY LOG STATUS'
      : 'SHOW MASTER STATUS';
  return {
    collation: ask(
      `SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(database)}`,
    ),
    'lower-case-table-names': ask('SELECT @@lower_case_table_names'),
    ...(mayReadPosition(facts)
      ? {
          'binary-log': ask(status),
          gtid: ask(flavour === 'mysql' ? 'SELECT @@GLOBAL.gtid_executed' : 'SELECT @@GLOBAL.gtid_binlog_pos'),
        }
      : {}),
  };
}

/** A view whose table is gone, as a database may hold that is about to be restored: the dump goes on, and has its text. */
const brokenViews: ExitRule = {
  code: 2,
  lines: [{ pattern: String.raw`: Couldn't execute '.*\((1146|1356|1449)\)$`, means: 'warning' }],
};

export function capture(spec: MysqlSpec, facts: Facts): CapturePlan {
  const rest = { prepare: [], cleanup: [], plain: { unknown: true } as const };
  if (spec.part && 'users' in spec.part)
    return { ...rest, produce: usersCommand(spec, facts, { hashes: wantsHashes(spec) }) };
  const database = databaseOf(spec, facts);
  if (database === null)
    throw new Error('a mysql source was to be dumped without a database although preflight passed');
  const damaged = spec.part && 'damaged' in spec.part;
  const dump = dumpCommand(spec, database, facts, damaged ? ['--force'] : []);
  const produce = damaged ? { ...dump, exits: [brokenViews] } : dump;
  return { ...rest, produce, learn: learn(spec, database, facts) };
}

/** The stream is read to its end, and the last line must be the one that a whole dump ends with. */
export const content = (spec: MysqlSpec): Recipe => ({ intake: { discard: true }, tail: tailOf(spec) });
