/** What the tests of both kinds share: a shop with everything that a database can hold, and a canonical text of it. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSource } from '../../src/registry.ts';
import type { SourceCase } from '../contracts/source.ts';
import type { MysqlServer } from '../helpers/mysql.ts';

/** Every printable character of ASCII, and some that are not. */
export const password = `${Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('')}ü€`;

export const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
export const tick = (name: string) => `\`${name.replaceAll('`', '``')}\``;

/** A user that may dump everything, with the hardest password; what MySQL and MariaDB call the rights differs. */
export function makeUser(server: MysqlServer, user: string, secret: string): void {
  server.sql(`CREATE USER ${quote(user)}@'%' IDENTIFIED BY ${quote(secret)}; GRANT ALL ON *.* TO ${quote(user)}@'%';`);
}

/** Every common type with its edges, keys that cross, generated columns, views on views, code, odd names. */
export function makeShop(server: MysqlServer, database: string, rows = 20): void {
  const maria = server.flavour === 'mariadb';
  const name = tick(database);
  server.sql(
    `DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET latin1 COLLATE latin1_german2_ci;`,
  );
  server.sql(
    `SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+02:00', foreign_key_checks = 0;
CREATE TABLE types (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, ti TINYINT, si SMALLINT, mi MEDIUMINT, i INT, bi BIGINT,
  dec_ DECIMAL(40,10), f FLOAT, d DOUBLE, bits BIT(13), yes BOOLEAN, y YEAR, da DATE, ti6 TIME(6), dt DATETIME(6),
  ts TIMESTAMP(3) NULL, ch CHAR(10), vc VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, la VARCHAR(50) CHARACTER SET latin1,
  bin BINARY(8), vb VARBINARY(300), tx LONGTEXT CHARACTER SET utf8mb4, bl LONGBLOB, e ENUM('a','b''c','ü'), s SET('x','y','z'),
  js JSON, ge GEOMETRY, po POINT, doubled INT AS (i * 2) STORED, tripled INT AS (i * 3) VIRTUAL,
  no_default VARCHAR(20) NOT NULL DEFAULT 'it''s', made DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP COMMENT 'a ''comment'' "\\\\"',
  KEY by_text (vc(20)), UNIQUE KEY one_of (i, e), FULLTEXT KEY words (tx), CHECK (ti < 100)
) COMMENT='all types; -- really';
INSERT INTO types (ti, si, mi, i, bi, dec_, f, d, bits, yes, y, da, ti6, dt, ts, ch, vc, la, bin, vb, tx, bl, e, s, js, ge, po, made) VALUES
 (-128, -32768, -8388608, -2147483648, -9223372036854775808, -123456789012345678901234567890.0123456789, 1.17549e-38, 2.2250738585072014e-308, b'1010101010101', 1, 1901, '1000-01-01', '-838:59:59', '9999-12-31 23:59:59.999999', '1970-01-02 00:00:01.001', 'pad  ', 'naïve 😀 \\\\ '' " \\n\\t\\0', 'Größe', x'0001', x'00ff0a0d1a5c2722', 'text -- Dump completed\\n-- Dump completed\\n', x'000102ff', 'b''c', 'x,z', '{"a": [1, "ü", null]}', ST_GeomFromText('LINESTRING(0 0, 1 1)'), ST_GeomFromText('POINT(1.5 -2)'), '2024-02-29 12:00:00'),
 (0, 0, 0, 0, 0, 0, 0.1, 0.1, b'0', 0, 2155, '0000-00-00', '00:00:00.000001', '0000-00-00 00:00:00', NULL, '', '', '', '', '', '', '', '', '', '"x"', NULL, NULL, '2024-03-31 02:30:00'),
 (99, NULL, NULL, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2024-00-00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE a (id INT PRIMARY KEY, b_id INT, CONSTRAINT a_to_b FOREIGN KEY (b_id) REFERENCES b (id) ON DELETE CASCADE);
CREATE TABLE b (id INT PRIMARY KEY, a_id INT, CONSTRAINT b_to_a FOREIGN KEY (a_id) REFERENCES a (id) ON UPDATE CASCADE);
INSERT INTO a VALUES (1, 2); INSERT INTO b VALUES (2, 1);
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(40), amount DECIMAL(10,2)) AUTO_INCREMENT = 1000;
CREATE TABLE audit (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80));
CREATE TABLE parted (id INT, at DATE, PRIMARY KEY (id, at)) PARTITION BY RANGE (YEAR(at)) (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parted VALUES (1, '2019-01-01'), (2, '2024-01-01');
CREATE TABLE \`-we\`\`ird '"; $x é\\\\\` (\`a b\` INT PRIMARY KEY, \`--c\` TEXT);
INSERT INTO \`-we\`\`ird '"; $x é\\\\\` VALUES (1, 'x');
CREATE TABLE keyless (n INT); INSERT INTO keyless VALUES (1), (1), (NULL);
CREATE TABLE no_rows (id INT PRIMARY KEY AUTO_INCREMENT);
${maria ? 'CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 10; SELECT NEXTVAL(numbers);' : 'CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3), shy INT INVISIBLE); INSERT INTO vectors (id, v, shy) VALUES (1, TO_VECTOR("[1,2,3]"), 9);'}
CREATE VIEW rich AS SELECT customer, SUM(amount) AS total FROM orders GROUP BY customer;
CREATE VIEW a_richest AS SELECT * FROM rich WHERE total > 10;
DELIMITER //
CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW BEGIN INSERT INTO audit (what) VALUES (CONCAT('order; ', NEW.id)); END//
CREATE PROCEDURE pay (IN who VARCHAR(40), OUT sum_ DECIMAL(10,2)) BEGIN SELECT SUM(amount) INTO sum_ FROM orders WHERE customer = who; END//
CREATE FUNCTION twice (n INT) RETURNS INT DETERMINISTIC RETURN n * 2//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 02:00:00' DO DELETE FROM audit WHERE id < 0//
DELIMITER ;
INSERT INTO orders (customer, amount) VALUES ${Array.from({ length: rows }, (_, index) => `('c${index % 5}', ${index}.5)`).join(', ')};`,
    database,
  );
}

/** Schema, rows and code of a database by the server's own dump, without what differs between two equal ones. */
export function canonical(server: MysqlServer, database: string): string {
  const maria = server.flavour === 'mariadb';
  const text = execFileSync(
    maria ? 'mariadb-dump' : 'mysqldump',
    [
      ...['--no-defaults', `--socket=${server.socket}`, '--user=root', '--skip-dump-date', '--hex-blob'],
      ...['--order-by-primary', '--routines', '--events', '--triggers', '--skip-comments', '--no-tablespaces'],
      ...['--default-character-set=utf8mb4', '--max-allowed-packet=1G', '--skip-opt', '--create-options', '--quick'],
      ...(maria ? [] : ['--set-gtid-purged=OFF']),
      ...['--', database],
    ],
    { env: { PATH: server.path, HOME: server.directory, LC_ALL: 'C' }, encoding: 'utf8', maxBuffer: 1 << 30 },
  );
  // MySQL remembers whether a character set was written or followed from the collation, and a dump writes it.
  return text.replaceAll(tick(database), '`it`').replaceAll(/ CHARACTER SET \w+ COLLATE/g, ' COLLATE');
}

/** The suite's configuration. By hand, the data go to a second server: the client's own file names it. */
export function makeCase(server: MysqlServer, other: MysqlServer, home: string): SourceCase {
  // mariadb-dump cannot dump the code of a database whose name it would have to escape.
  const database = server.flavour === 'mariadb' ? '-sh op `; $é' : `-sh'op \`"; $é \\`;
  makeShop(server, database);
  makeShop(server, 'elsewhere', 3);
  makeUser(server, 'b"a\\c k\'up', password);
  other.sql(`CREATE DATABASE ${tick(database)}`);
  writeFileSync(join(home, '.my.cnf'), `[client]\nsocket=${other.socket}\nuser=root\n`);
  const spec = {
    type: server.flavour,
    host: '127.0.0.1',
    port: server.port,
    user: 'b"a\\c k\'up',
    password: { secret: 'db' },
    database,
  };
  const elsewhere = 'elsewhere';
  return {
    kind: findSource(server.flavour),
    spec,
    missing: { ...spec, database: 'none' },
    secrets: { db: password },
    fingerprint: (name) =>
      name === '/by hand' ? canonical(other, database) : canonical(server, name === null ? database : name),
    manualResult: '/by hand',
    elsewhere,
    query: {
      sql: "select count(*), 'it''s' from orders",
      answer: "20\tit's",
      harmful: [
        'delete from orders',
        'select 1; delete from orders',
        'drop table orders',
        'set session transaction read write',
      ],
    },
  };
}
