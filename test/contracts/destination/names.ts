/** Odd names are held as they are or refused; climbing ones are refused by everybody. */
import assert from 'node:assert/strict';
import { type Destination, KeyMissing } from '../../../src/destination.ts';
import { type Check, check, isTold, keys, store } from './stage.ts';

const oddNames = [
  'odd/with space',
  'odd/ünï-ço∂é',
  'odd/quote\'"`$(x)',
  'odd/new\nline',
  'odd/tab\tand-bell\u0007',
  'odd/-leading-dash',
  'odd/.hidden',
  'odd/trailing-dot.',
  'odd/trailing-space ',
  'odd/percent%2Fslash?and#hash',
  'odd/back\\slash',
  'odd/colon:star*pipe|less<more>',
  'odd/emoji-\u{1f5c4}',
  'odd/&amp;<tag>',
  `odd/${'n'.repeat(200)}`,
  'odd/a/b/c/d/e/f/g/h',
];

/** Names that a careless store takes for one another. */
const twins = [
  ['twin/Case', 'twin/case'],
  ['twin/caf\u00e9', 'twin/cafe\u0301'],
  ['twin/x', 'twin/x '],
  ['twin/a%20b', 'twin/a b'],
  ['twin/a+c', 'twin/a c'],
];

const climbing = ['../out', 'a/../../out', '/etc/out', 'a//b', './a', 'a/..', '', 'a/\0b'];

export const nameChecks: Check[] = [
  check('odd names go in, come out and are listed, or are refused', async ({ destination, bench }) => {
    const refused = oddNames.filter((name) => bench.refuses?.(name));
    const held = oddNames.filter((name) => !refused.includes(name));
    for (const name of refused) await assertRefused(destination, name);
    for (const name of held) await destination.write(name, Buffer.from(name));
    assert.deepEqual(await keys(destination, ''), held.toSorted());
    for (const name of held) assert.equal(String(await destination.read(name, 1000)), name);
    for (const name of held) await destination.remove(name);
    assert.deepEqual(await keys(destination, ''), []);
  }),
  check('an odd name is one for large objects too', async ({ destination, bench }) => {
    const name = 'odd/it\'s "50%" [ünï] & more.dump';
    if (bench.refuses?.(name)) return await assertRefused(destination, name);
    await store(destination, name, Buffer.from('large'), 'attempt-1');
    assert.equal(String(await destination.read(name, 10)), 'large');
    assert.equal((await destination.stat(name))?.size, 5);
    await destination.removeAttempt(name, 'attempt-1');
    assert.deepEqual(await keys(destination, 'odd/it\'s "5'), [name]);
  }),
  check('names that look alike are two names', async ({ destination, bench }) => {
    for (const pair of twins) {
      const held = pair.filter((name) => !bench.refuses?.(name));
      for (const name of held) await destination.write(name, Buffer.from(name));
      for (const name of held) assert.equal(String(await destination.read(name, 100)), name);
      assert.deepEqual(await keys(destination, ''), held.toSorted());
      for (const name of held) await destination.remove(name);
    }
  }),
  check('a key that climbs out of the prefix is refused everywhere', async ({ destination }) => {
    const refused = (error: Error) => !(error instanceof KeyMissing || error instanceof TypeError);
    for (const key of climbing) {
      for (const attempt of actsOn(destination, key)) await assert.rejects(attempt(), refused, JSON.stringify(key));
    }
    for (const prefix of ['../', '/etc/', 'a/../../']) await assert.rejects(keys(destination, prefix), refused, prefix);
    assert.deepEqual(await keys(destination, ''), []);
  }),
];

function actsOn(destination: Destination, key: string): (() => Promise<unknown>)[] {
  const bytes = Buffer.from('x');
  return [
    () => destination.write(key, bytes),
    () => destination.replace(key, bytes),
    () => store(destination, key, bytes),
    () => destination.read(key, 10),
    () => destination.get(key),
    () => destination.stat(key),
    () => destination.remove(key),
    () => destination.removeAttempt(key, 'one'),
  ];
}

/** What a store cannot hold is told in a sentence, before anything of it is written. */
async function assertRefused(destination: Destination, key: string): Promise<void> {
  for (const attempt of actsOn(destination, key).slice(0, 3))
    await assert.rejects(attempt(), isTold, JSON.stringify(key));
  assert.deepEqual(await keys(destination, ''), []);
}
