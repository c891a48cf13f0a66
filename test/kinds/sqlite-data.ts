import { pathToFileURL } from 'node:url';
import Database from 'libsql';

/** A small shop. `mode` is SQLite's journal mode. */
export function makeShop(path: string, mode = 'wal', rows = 500): string {
  const database = new Database(path);
  database.pragma(`journal_mode = ${mode}`);
  database.exec(`
    create table customers (id integer primary key, name text not null, note blob);
    create table orders (id integer primary key, customer integer references customers, total real);
    create index by_customer on orders (customer);
    create view spent as select customer, sum(total) as total from orders group by customer;
    create trigger spare after delete on customers begin delete from orders where customer = old.id; end;
    pragma user_version = 42;
  `);
  const customer = database.prepare('insert into customers values (?, ?, ?)');
  const order = database.prepare('insert into orders (customer, total) values (?, ?)');
  database.exec('begin');
  for (let id = 1; id <= rows; id += 1) {
    customer.run(id, `Größe ${id}`, Buffer.from([id & 255, 0, 255]));
    order.run(id, id / 3);
  }
  database.exec('commit');
  database.close();
  return path;
}

/** Schema and rows as text; read without changing anything. */
export function dump(path: string): string {
  const database = new Database(`${pathToFileURL(path).href}?mode=ro`);
  const rows = (sql: string) => JSON.stringify(database.prepare(sql).raw().all());
  const lines = [
    rows('select type, name, sql from sqlite_master order by name'),
    rows('select id, name, hex(note) from customers order by id'),
    rows('select * from orders order by id'),
    rows('pragma user_version'),
  ];
  database.close();
  return lines.join('\n');
}
