// Moves amounts between two tables in one transaction each, until its standard input ends.
import Database from 'libsql';

const database = new Database(process.argv[2], { timeout: 5000 });
database.exec('create table if not exists a (n integer); create table if not exists b (n integer)');
const take = database.prepare('insert into a values (?)');
const give = database.prepare('insert into b values (?)');
let transactions = 0;
let errors = 0;

function move() {
  try {
    database.exec('begin immediate');
    take.run(transactions);
    give.run(-transactions);
    database.exec('commit');
    transactions += 1;
  } catch {
    errors += 1;
  }
}

// What sums up nothing is null.
move();
console.log('ready');
const timer = setInterval(move, 4);
process.stdin.resume().on('end', () => {
  clearInterval(timer);
  database.close();
  console.log(JSON.stringify({ transactions, errors }));
});
