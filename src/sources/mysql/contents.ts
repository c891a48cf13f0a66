/** What a database holds, table by table and object by object, as lines that are compared with those of a restored copy. */
import type { Command, Value } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import type { Contents } from '../../recipe.ts';
import { chosenTables } from './checks.ts';
import { type ClientOptions, generated } from './connection.ts';
import { type MysqlSpec, wanted } from './spec.ts';
import { literal, quotedColumn } from './sql.ts';

/** Every text is read as it is here, every time in UTC, and statistics are not taken from a cache. */
const session = [
  "SET SESSION sql_mode = '', time_zone = '+00:00', group_concat_max_len = 1073741824;",
  '/*!80000 SET SESSION information_schema_stats_expiry = 0 */;',
  'SET SESSION TRANSACTION READ ONLY;',
].join('\n');

/** Numbers and times print no comma, so they stand for themselves; of all else a hash. */
const plainTypes = [
  ...['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double', 'year'],
  ...['date', 'time', 'datetime', 'timestamp'],
].map((type) => `'${type}'`);

const inTables = "TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
const digest = (text: string) => `LEFT(SHA2(${text}, 256), 16)`;

/** A sum of hashes does not depend on the order of the rows, and needs no sorting. */
function rowChecksums(spec: MysqlSpec): string {
  const column = quotedColumn('c.COLUMN_NAME');
  const plain = `CONCAT('IFNULL(', ${column})`;
  const hashed = `CONCAT('IFNULL(SHA2(', ${column}, ', 256)')`;
  const value = `CONCAT(IF(c.DATA_TYPE IN (${plainTypes.join(', ')}), ${plain}, ${hashed}), ${literal(", '-')")})`;
  const row = `GROUP_CONCAT(${value} ORDER BY c.ORDINAL_POSITION SEPARATOR ', ')`;
  const sum = ", CONCAT(COUNT(*), ':', IFNULL(SUM(CAST(CONV(h, 16, 10) AS DECIMAL(20))), 0))";
  const parts = [
    literal('SELECT '),
    "QUOTE(CONCAT('table ', c.TABLE_NAME))",
    literal(`${sum} FROM (SELECT LEFT(SHA2(CONCAT_WS(',', `),
    row,
    literal('), 256), 16) AS h FROM '),
    quotedColumn('c.TABLE_NAME'),
    literal(') AS r;'),
  ];
  return `SELECT CONCAT(${parts.join(', ')}) FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = DATABASE()
AND c.TABLE_NAME IN (SELECT TABLE_NAME FROM information_schema.TABLES WHERE ${inTables})${chosenTables(spec, 'c.TABLE_NAME')} GROUP BY c.TABLE_NAME;`;
}

const rowCounts = (spec: MysqlSpec) =>
  `SELECT CONCAT('SELECT ', QUOTE(CONCAT('table ', TABLE_NAME)), ', COUNT(*) FROM ', ${quotedColumn('TABLE_NAME')}, ';') FROM information_schema.TABLES WHERE ${inTables}${chosenTables(spec, 'TABLE_NAME')};`;

/** MariaDB's sequences: the number that comes next. */
const sequences = (spec: MysqlSpec) =>
  `SELECT CONCAT('SELECT ', QUOTE(CONCAT('sequence ', TABLE_NAME)), ', next_not_cached_value FROM ', ${quotedColumn('TABLE_NAME')}, ';') FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SEQUENCE'${chosenTables(spec, 'TABLE_NAME')};`;

/** One line for each name of a view of the information schema: a hash over what it says of it. */
function described(what: string, from: string, name: string, columns: string[], where: string): string {
  const each = columns.map((column) => `IFNULL(${column}, '-')`).join(', ');
  const order = 'ORDER BY one';
  return `SELECT CONCAT('${what} ', name), ${digest(`GROUP_CONCAT(one ${order} SEPARATOR '\\n')`)} FROM (SELECT ${name} AS name, CONCAT_WS('|', ${each}) AS one FROM information_schema.${from} WHERE ${where}) AS d GROUP BY name;`;
}

/** What belongs to tables. A foreign key within the database may not name it: the copy has another name. */
function tableLines(spec: MysqlSpec): string[] {
  const chosen = (column: string) => chosenTables(spec, column);
  const base = `TABLE_NAME IN (SELECT TABLE_NAME FROM information_schema.TABLES WHERE ${inTables})${chosen('TABLE_NAME')}`;
  return [
    described(
      'options of table',
      'TABLES',
      'TABLE_NAME',
      ['ENGINE', 'TABLE_COLLATION', 'CREATE_OPTIONS', 'TABLE_COMMENT'],
      `${inTables}${chosen('TABLE_NAME')}`,
    ),
    // One that nobody has used yet is 1 or nothing, as the server likes.
    `SELECT CONCAT('auto_increment of table ', TABLE_NAME), AUTO_INCREMENT FROM information_schema.TABLES WHERE ${inTables} AND AUTO_INCREMENT > 1${chosen('TABLE_NAME')};`,
    described(
      'columns of table',
      'COLUMNS',
      'TABLE_NAME',
      [
        'LPAD(ORDINAL_POSITION, 5, 0)',
        'COLUMN_NAME',
        'COLUMN_DEFAULT',
        'IS_NULLABLE',
        'COLUMN_TYPE',
        'COLLATION_NAME',
        'EXTRA',
        'COLUMN_COMMENT',
        'GENERATION_EXPRESSION',
      ],
      `TABLE_SCHEMA = DATABASE() AND ${base}`,
    ),
    described(
      'indexes of table',
      'STATISTICS',
      'TABLE_NAME',
      [
        'INDEX_NAME',
        'LPAD(SEQ_IN_INDEX, 3, 0)',
        'COLUMN_NAME',
        'NON_UNIQUE',
        'SUB_PART',
        'COLLATION',
        'INDEX_TYPE',
        'INDEX_COMMENT',
      ],
      `TABLE_SCHEMA = DATABASE()${chosen('TABLE_NAME')}`,
    ),
    described(
      'keys of table',
      'KEY_COLUMN_USAGE',
      'TABLE_NAME',
      [
        'CONSTRAINT_NAME',
        'LPAD(ORDINAL_POSITION, 3, 0)',
        'COLUMN_NAME',
        "IF(REFERENCED_TABLE_SCHEMA = DATABASE(), '', REFERENCED_TABLE_SCHEMA)",
        'REFERENCED_TABLE_NAME',
        'REFERENCED_COLUMN_NAME',
      ],
      `TABLE_SCHEMA = DATABASE()${chosen('TABLE_NAME')}`,
    ),
    described(
      'foreign key',
      'REFERENTIAL_CONSTRAINTS',
      'CONSTRAINT_NAME',
      ['TABLE_NAME', 'UPDATE_RULE', 'DELETE_RULE', 'MATCH_OPTION'],
      `CONSTRAINT_SCHEMA = DATABASE()${chosen('TABLE_NAME')}`,
    ),
    ...(spec.tables || spec['exclude-tables']
      ? []
      : [
          described(
            'check',
            'CHECK_CONSTRAINTS',
            'CONSTRAINT_NAME',
            ['CHECK_CLAUSE'],
            'CONSTRAINT_SCHEMA = DATABASE()',
          ),
        ]),
    described(
      'partitions of table',
      'PARTITIONS',
      'TABLE_NAME',
      [
        'PARTITION_NAME',
        'SUBPARTITION_NAME',
        'PARTITION_METHOD',
        'PARTITION_EXPRESSION',
        'PARTITION_DESCRIPTION',
        'SUBPARTITION_METHOD',
        'SUBPARTITION_EXPRESSION',
      ],
      `TABLE_SCHEMA = DATABASE() AND PARTITION_NAME IS NOT NULL${chosen('TABLE_NAME')}`,
    ),
  ];
}

/** A view over another database, by its normalised text: where the copy lies, that database is not, and the view cannot be. */
const crossing = ['`[^`]*`[.]`[^`]*`[.]`', '(from|join) [(]*`[^`]*`[.]`'].join('|');

/** Views, and what runs inside the server. A view's text names its own database, which the copy does not. */
function objectLines(spec: MysqlSpec): string[] {
  const { triggers, routines, events } = wanted(spec);
  const here = `REPLACE(VIEW_DEFINITION, CONCAT('\`', REPLACE(DATABASE(), '\`', '\`\`'), '\`.'), '')`;
  return [
    described(
      'view',
      'VIEWS',
      'TABLE_NAME',
      [here, 'CHECK_OPTION', 'DEFINER', 'SECURITY_TYPE'],
      `TABLE_SCHEMA = DATABASE() AND NOT ${here} REGEXP ${literal(crossing)}${chosenTables(spec, 'TABLE_NAME')}`,
    ),
    ...(triggers
      ? [
          described(
            'trigger',
            'TRIGGERS',
            'TRIGGER_NAME',
            [
              'ACTION_TIMING',
              'EVENT_MANIPULATION',
              'EVENT_OBJECT_TABLE',
              'ACTION_ORDER',
              'ACTION_STATEMENT',
              'DEFINER',
              'SQL_MODE',
            ],
            `TRIGGER_SCHEMA = DATABASE()${chosenTables(spec, 'EVENT_OBJECT_TABLE')}`,
          ),
        ]
      : []),
    ...(routines
      ? [
          described(
            'routine',
            'ROUTINES',
            'ROUTINE_NAME',
            [
              'ROUTINE_TYPE',
              'DTD_IDENTIFIER',
              'ROUTINE_DEFINITION',
              'IS_DETERMINISTIC',
              'SQL_DATA_ACCESS',
              'SECURITY_TYPE',
              'DEFINER',
              'SQL_MODE',
            ],
            'ROUTINE_SCHEMA = DATABASE()',
          ),
        ]
      : []),
    ...(events
      ? [
          described(
            'event',
            'EVENTS',
            'EVENT_NAME',
            [
              'EVENT_DEFINITION',
              'EVENT_TYPE',
              'EXECUTE_AT',
              'INTERVAL_VALUE',
              'INTERVAL_FIELD',
              'STARTS',
              'ENDS',
              'STATUS',
              'ON_COMPLETION',
              'DEFINER',
              'SQL_MODE',
              'TIME_ZONE',
            ],
            'EVENT_SCHEMA = DATABASE()',
          ),
        ]
      : []),
  ];
}

/** Sorted bytewise, as the lines of two servers are compared. The second client reads everything in one transaction. */
const script = `set -eu
ask=$1 then=$2 made=$3 out=$4; shift 4
{ "$@" --raw <"$ask"; cat "$then"; } >"$made"
"$@" <"$made" >"$out"
LC_ALL=C sort "$out"`;

export function contentsCommand(spec: MysqlSpec, facts: Facts, contents: Contents, options: ClientOptions): Command {
  const ask: Value = [
    session,
    ...session.split('\n').map((one) => `SELECT ${literal(one)};`),
    "SELECT 'START TRANSACTION WITH CONSISTENT SNAPSHOT;';",
    contents === 'counts' ? rowCounts(spec) : rowChecksums(spec),
    sequences(spec),
    '',
  ].join('\n');
  const then: Value = contents === 'counts' ? '' : [...tableLines(spec), ...objectLines(spec), ''].join('\n');
  return generated(spec, facts, { script, ask, then, name: 'contents' }, options);
}
