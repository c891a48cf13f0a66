import { pathToFileURL } from 'node:url';
import { Failure } from './failure.ts';

const busyMilliseconds = 60_000;

type Row = readonly unknown[];
type Statement = { reader: boolean; safeIntegers(): Statement; raw(): Statement; iterate(): Iterable<Row> };
type Database = { prepare(sql: string): Statement; exec(sql: string): void; close(): void };

/** libsql ignores its own `readonly`; SQLite's URI does not, and it refuses to make a file that is not there. */
async function open(path: string, mode: 'ro' | 'rw'): Promise<Database> {
  const { default: Libsql } = await import('libsql');
  try {
    return new Libsql(`${pathToFileURL(path).href}?mode=${mode}`, { timeout: busyMilliseconds }) as unknown as Database;
  } catch {
    throw new Failure(`${path} cannot be opened as a SQLite database`);
  }
}

/** `sqlite-copy SOURCE COPY`: VACUUM INTO reads in one transaction, so the copy is of one moment under any writer. */
export async function copy([source, target]: string[]): Promise<void> {
  if (!source || !target) throw new Failure('wants SOURCE and COPY');
  const database = await open(source, 'ro');
  const wal = firstValue(database, 'pragma journal_mode') === 'wal';
  database.exec(`vacuum into '${target.replaceAll("'", "''")}'`);
  database.close();
  if (!wal) return;
  // VACUUM INTO forgets the journal mode, and an application that chose it once relies on it.
  const copied = await open(target, 'rw');
  firstValue(copied, 'pragma journal_mode = wal');
  copied.close();
}

/** Functions of libsql that read or write files, or load code: out of place in an assertion. */
const outside = /writefile|readfile|load_extension|lsmode/i;

/** `sqlite-query DATABASE SQL`: one row a line, columns by `|`, as the sqlite3 program prints them. */
export async function query([path, sql]: string[]): Promise<void> {
  if (!path || sql === undefined) throw new Failure('wants DATABASE and SQL');
  const reaching = outside.exec(sql);
  if (reaching) throw new Failure(`${reaching[0]} reaches outside the database and is not run`);
  const database = await open(path, 'ro');
  const statement = database.prepare(sql);
  // What returns no rows has another purpose: VACUUM INTO writes a file even from a read-only connection.
  if (!statement.reader) throw new Failure('only a query that returns rows is run');
  for (const row of statement.safeIntegers().raw().iterate()) process.stdout.write(`${row.map(text).join('|')}\n`);
  database.close();
}

function firstValue(database: Database, sql: string): unknown {
  const [row] = database.prepare(sql).raw().iterate();
  return row?.[0];
}

function text(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' && Number.isInteger(value)) return value.toFixed(1);
  return Buffer.isBuffer(value) ? value.toString() : String(value);
}
