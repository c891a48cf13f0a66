// A small live shop: a SQLite database in WAL mode that keeps taking orders, and a folder of uploaded files.
// Everything is generated, the same at every run but for the key.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';

const customers = 5_000;
const orders = 22_000;

const schema = `
  create table customers (id integer primary key, name text not null, city text not null);
  create table orders (id integer primary key, customer_id integer not null references customers, placed text not null, total integer not null);
  create table payments (id integer primary key, order_id integer not null references orders, paid integer not null);
  create index orders_by_customer on orders (customer_id);
`;

const cities = ['Berlin', 'Izmir', 'Riyadh', 'Porto', 'Kathmandu', 'Lima', 'Oslo'];

/** Opens the shop in `folder`, made on the first call, and returns what keeps it alive. */
export function openShop(folder) {
  mkdirSync(join(folder, 'uploads', 'invoices'), { recursive: true, mode: 0o700 });
  const key = join(folder, 'backup.key');
  if (!existsSync(key)) writeFileSync(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const path = join(folder, 'shop.sqlite');
  const fresh = !existsSync(path);
  const database = new Database(path);
  database.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 10000;');
  if (fresh) {
    fill(database);
    upload(join(folder, 'uploads'));
  }
  return live(database);
}

function fill(database) {
  database.exec(`begin; ${schema}`);
  const customer = database.prepare('insert into customers values (?, ?, ?)');
  for (let id = 1; id <= customers; id++) customer.run(id, `customer ${id}`, cities[id % cities.length]);
  const order = order_(database);
  for (let id = 1; id <= orders; id++) order(id);
  database.exec('commit');
}

function order_(database) {
  const order = database.prepare('insert into orders values (?, ?, ?, ?)');
  const payment = database.prepare('insert into payments (order_id, paid) values (?, ?)');
  return (id) => {
    const total = 500 + ((id * 7919) % 20_000);
    order.run(id, 1 + ((id * 31) % customers), new Date(1_760_000_000_000 + id * 60_000).toISOString(), total);
    payment.run(id, total);
  };
}

function upload(folder) {
  for (let number = 1; number <= 200; number++) {
    const name = join(folder, number % 4 === 0 ? 'invoices' : '.', `upload ${number}.txt`);
    writeFileSync(name, `${`line of upload ${number}\n`.repeat(50 + (number % 100))}`);
  }
}

/** Takes an order with its payment in one transaction, some fifty times a second, until closed. */
function live(database) {
  const order = order_(database);
  let next = database.prepare('select max(id) as id from orders').get().id + 1;
  const timer = setInterval(() => {
    database.exec('begin immediate');
    order(next++);
    database.exec('commit');
  }, 20);
  return {
    close() {
      clearInterval(timer);
      database.close();
    },
  };
}
