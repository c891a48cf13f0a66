/**
 * A busy application: it moves amounts between two tables, each move one transaction, so that all amounts together stay what
 * they were. `writer.mjs make FILE BYTES` makes the database; `writer.mjs run FILE STATUS RATE` writes until it is told to end
 * (SIGTERM) and keeps its figures in STATUS.
 */
import { renameSync, writeFileSync } from 'node:fs';
import Database from 'libsql';

const [, , verb, file, ...rest] = process.argv;
const filler = 3800;

if (verb === 'make') {
  const rows = Math.ceil(Number(rest[0]) / 4096 / 2);
  const database = new Database(file);
  database.exec('pragma journal_mode = wal; pragma synchronous = normal;');
  for (const table of ['cash', 'debt']) {
    database.exec(`create table ${table} (id integer primary key, amount integer not null, note blob not null)`);
    database.exec(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rows}) insert into ${table} select i, 0, randomblob(${filler}) from n`,
    );
  }
  database.exec('create table moves (id integer primary key, amount integer not null)');
  database.exec('pragma wal_checkpoint(truncate)');
  database.close();
} else {
  const [status, rate] = rest;
  // No patience: whatever makes it wait for a lock is an error at once.
  const database = new Database(file, { timeout: 0 });
  database.exec('pragma synchronous = normal');
  const { rows } = database.prepare('select count(*) as rows from cash').get();
  const begin = database.prepare('begin immediate');
  const take = database.prepare('update cash set amount = amount - ?, note = randomblob(3800) where id = ?');
  const give = database.prepare('update debt set amount = amount + ? where id = ?');
  const log = database.prepare('insert into moves (amount) values (?)');
  const commit = database.prepare('commit');
  const figures = { transactions: 0, errors: [], seconds: 0, longestGap: 0 };
  const started = performance.now();
  let last = started;
  const tell = () => {
    figures.seconds = (performance.now() - started) / 1000;
    writeFileSync(`${status}.new`, JSON.stringify(figures));
    renameSync(`${status}.new`, status);
  };
  const move = () => {
    const amount = 1 + Math.floor(Math.random() * 1000);
    const row = () => 1 + Math.floor(Math.random() * rows);
    try {
      begin.run();
      take.run(amount, row());
      give.run(amount, row());
      log.run(amount);
      commit.run();
      figures.transactions += 1;
    } catch (error) {
      figures.errors.push(String(error));
      if (database.inTransaction) database.exec('rollback');
    }
    const now = performance.now();
    figures.longestGap = Math.max(figures.longestGap, now - last);
    last = now;
  };
  const pace = setInterval(() => {
    const due = ((performance.now() - started) / 1000) * Number(rate);
    for (let burst = 0; figures.transactions < due && burst < 50; burst += 1) move();
  }, 4);
  const teller = setInterval(tell, 250);
  process.on('SIGTERM', () => {
    clearInterval(pace);
    clearInterval(teller);
    tell();
    database.close();
  });
  tell();
}
