import type { Command } from '../../command.ts';
import type { Facts, Survey } from '../../kind.ts';
import { statement } from './connection.ts';
import type { MysqlSpec, Surveyed } from './spec.ts';
import { unescapeField } from './sql.ts';

const variables = ['version', 'log_bin', 'gtid_mode', 'lower_case_table_names', 'max_allowed_packet', 'sql_mode'];

/**
 * Everything that is asked of the server before the graph is compiled, in one session. The privileges of active roles stand in
 * MySQL's SHOW GRANTS only by USING; MariaDB, which has them there anyway, does not run what is meant for MySQL 8.
 */
const sql = [
  "SELECT 'session', CURRENT_USER(), IFNULL(DATABASE(), '')",
  "SELECT 'database', SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA ORDER BY 2",
  `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${variables.map((name) => `'${name}'`).join(', ')})`,
  "SHOW SESSION STATUS LIKE 'Ssl_cipher'",
  'SHOW GRANTS',
  "/*!80000 SET @grants = IF(CURRENT_ROLE() = 'NONE', 'DO 0', CONCAT('SHOW GRANTS FOR CURRENT_USER() USING ', CURRENT_ROLE())) */",
  '/*!80000 PREPARE grants FROM @grants */',
  '/*!80000 EXECUTE grants */',
].join('; ');

export function surveyCommand(spec: MysqlSpec, facts: Facts): Command {
  return statement(spec, facts, sql, { flavour: spec.type });
}

/** Throws an Error where the server did not say what it is. */
export function readSurvey(_spec: MysqlSpec, printed: string): Survey {
  const lines = printed.split('\n').filter((line) => line !== '');
  // MariaDB shows the user's password hash there.
  const grants = lines
    .filter((line) => /^(GRANT|REVOKE) /.test(line))
    .map((line) => unescapeField(line).replace(/ IDENTIFIED (BY|VIA) .*$/s, ''));
  const rows = lines.map((line) => line.split('\t').map(unescapeField));
  const value = (name: string) => rows.find((row) => row.length === 2 && row[0] === name)?.[1];
  const whole = value('version');
  const version = /^\d+\.\d+\.\d+/.exec(whole ?? '')?.[0];
  if (whole === undefined || version === undefined)
    throw new Error('the server did not say its version; is it a MySQL or MariaDB server?');
  const session = rows.find((row) => row.length === 3 && row[0] === 'session');
  const data: Surveyed = {
    flavour: /mariadb/i.test(whole) ? 'mariadb' : 'mysql',
    account: session?.[1] ?? '',
    current: session?.[2] ?? '',
    encrypted: (value('Ssl_cipher') ?? '') !== '',
    variables: Object.fromEntries(
      variables.flatMap((name) => (value(name) === undefined ? [] : [[name, value(name)!]])),
    ),
    databases: rows
      .filter((row) => row.length === 3 && row[0] === 'database')
      .map(([, name, collation]) => ({ name: name!, collation: collation! })),
    grants: [...new Set(grants)],
  };
  return { version, data };
}
