/** Users, roles and grants as statements that may be run again: a dump of one database holds none of them. */
import type { Command } from '../../command.ts';
import type { Facts } from '../../kind.ts';
import { generated } from './connection.ts';
import { flavourOf, type MysqlSpec } from './spec.ts';

export const usersEnd = '\n-- Users completed\n';

/** Accounts of the servers themselves. */
const own = ['mysql.sys', 'mysql.session', 'mysql.infoschema', 'mariadb.sys', 'PUBLIC', '']
  .map((name) => `'${name}'`)
  .join(', ');

const account = "CONCAT(QUOTE(User), '@', QUOTE(Host))";

/** Statements that print statements. Roles first: they are granted to users. */
const ask = {
  mariadb: [
    `SELECT CONCAT('SELECT CONCAT(''CREATE ROLE IF NOT EXISTS '', QUOTE(', QUOTE(User), '));') FROM mysql.user WHERE is_role = 'Y' AND User NOT IN (${own}) ORDER BY User;`,
    `SELECT CONCAT('SHOW CREATE USER ', ${account}, ';') FROM mysql.user WHERE is_role = 'N' AND User NOT IN (${own}) ORDER BY User, Host;`,
    `SELECT CONCAT('SHOW GRANTS FOR ', IF(is_role = 'Y', QUOTE(User), ${account}), ';') FROM mysql.user WHERE User NOT IN (${own}) ORDER BY is_role DESC, User, Host;`,
  ],
  mysql: [
    `SELECT 'SET SESSION print_identified_with_as_hex = ON;';`,
    `SELECT CONCAT('SHOW CREATE USER ', ${account}, ';') FROM mysql.user WHERE User NOT IN (${own}) ORDER BY User, Host;`,
    `SELECT CONCAT('SHOW GRANTS FOR ', ${account}, ';') FROM mysql.user WHERE User NOT IN (${own}) ORDER BY User, Host;`,
  ],
};

/**
 * Makes each line a statement that may be run again. Hashes: `BY PASSWORD '*hash'` (also in MariaDB's grants), `USING 'hash'`,
 * MySQL's `AS 0xhash`. Without them a user comes back locked: one with an empty password would be an open door. MySQL always
 * says whether an account is locked, in the middle; MariaDB says it at the end or not at all.
 */
const withHashes = ['s/^CREATE USER /CREATE USER IF NOT EXISTS /', 's/$/;/', ''].join('\n');
const withoutHashes = [
  "s/ IDENTIFIED BY PASSWORD '[^']*'//",
  '/^CREATE USER /{',
  "s/ USING '[^']*'//g",
  's/ AS 0x[0-9A-Fa-f]*//g',
  's/ ACCOUNT UNLOCK/ ACCOUNT LOCK/',
  '/ ACCOUNT LOCK/!s/$/ ACCOUNT LOCK/',
  '}',
  withHashes,
].join('\n');

const script = `set -eu
ask=$1 edit=$2 made=$3 out=$4; shift 4
"$@" --raw <"$ask" >"$made"
"$@" --raw <"$made" >"$out"
[ -s "$out" ] || { echo 'the server showed no user' >&2; exit 1; }
echo '-- Users, roles and grants'
sed -f "$edit" "$out"
printf '\\n-- Users completed\\n'`;

export function usersCommand(spec: MysqlSpec, facts: Facts, { hashes }: { hashes: boolean }): Command {
  const then = hashes ? withHashes : withoutHashes;
  return generated(spec, facts, { script, ask: ask[flavourOf(spec, facts)].join('\n'), then, name: 'users' });
}
