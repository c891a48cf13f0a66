import { expect, test } from 'vitest';
import { load, spot } from './helpers.ts';

const text = `version: 1
backups:
  orders:
    source: orders
    destinations: [main, nas]
    empty:
    text: |
      one
      two
    long: "a
      b"
    a/b~c: { d: 1 }
`;

test('values and keys', async () => {
  const loaded = await load(text);
  expect(loaded.place('/backups/orders/source')).toEqual({
    file: loaded.file,
    line: 4,
    column: 13,
    length: 6,
    text: '    source: orders',
  });
  expect(spot(loaded, '/backups/orders/source', true)).toBe('4:5+6');
  expect(spot(loaded, '/backups/orders/destinations')).toBe('5:19+11');
  expect(spot(loaded, '/backups/orders/destinations/1')).toBe('5:26+3');
});

test('an item of a list has no key and is shown itself', async () => {
  expect(spot(await load(text), '/backups/orders/destinations/1', true)).toBe('5:26+3');
});

test('a value of several lines is marked on its first one', async () => {
  const loaded = await load(text);
  expect(spot(loaded, '/backups/orders/long')).toBe('10:11+2');
  expect(spot(loaded, '/backups/orders/text')).toBe('7:11+1');
  expect(spot(loaded, '/backups/orders')).toBe('4:5+14');
});

test('of a value that is left empty the key is marked', async () => {
  expect(spot(await load(text), '/backups/orders/empty')).toBe('6:5+5');
});

test('a key with / and ~ is escaped as RFC 6901 says', async () => {
  expect(spot(await load(text), '/backups/orders/a~1b~0c/d')).toBe('12:17+1');
});

test('what does not exist has the place of its nearest ancestor', async () => {
  const loaded = await load(text);
  expect(spot(loaded, '/backups/orders/retention/daily')).toBe('4:5+14');
  expect(spot(loaded, '/backups/orders/retention', true)).toBe('3:3+6');
  expect(spot(loaded, '/backups/orders/destinations/7')).toBe('5:19+11');
  expect(spot(loaded, '/backups/orders/source/x/y')).toBe('4:13+6');
  expect(spot(loaded, '/nothing')).toBe('1:1+10');
  expect(spot(loaded, '')).toBe('1:1+10');
  expect(spot(loaded, '', true)).toBe('1:1+10');
  expect(spot(loaded, 'no pointer')).toBe('1:1+10');
});

test('a plan that could not be read has a place all the same', async () => {
  const loaded = await load('');
  expect(loaded.place('/backups')).toEqual({ file: loaded.file, line: 1, column: 1, length: 1, text: '' });
});
