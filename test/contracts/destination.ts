/**
 * What every destination must do. A kind hands its own factory to `destinationContract`; the checks are plain functions, so
 * that the suite itself is tried on broken drivers.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { type Destination, KeyExists, KeyMissing } from '../../src/destination.ts';

/** A fresh, empty prefix. */
export type Bench = {
  /** A handle on that prefix; two of them are two hosts. */
  open(): Promise<Destination>;
  /** Makes the listing of a folder (it exists) fail in the middle; absent where a test cannot. Returns the way back. */
  breakListing?(folder: string): Promise<() => Promise<void>>;
  /** How many objects the check of listings writes; default 2,300, fewer for a store that takes a second for each. */
  objects?: number;
  /** The keys that this store cannot hold: it must refuse them with a sentence, and never mangle them. */
  refuses?(key: string): boolean;
  end(): Promise<void>;
};

export type BenchFactory = () => Promise<Bench>;
export type Check = { name: string; run(factory: BenchFactory): Promise<void> };

/** Registers the suite for one kind. */
export function destinationContract(kind: string, factory: BenchFactory): void {
  describe(`${kind} keeps the contract of destinations`, () => {
    for (const check of checks) it(check.name, () => check.run(factory));
  });
}

const oddNames = [
  'odd/with space',
  'odd/ünï-ço∂é',
  'odd/quote\'"`$(x)',
  'odd/new\nline',
  'odd/-leading-dash',
  'odd/.hidden',
  'odd/percent%2Fslash?and#hash',
  'odd/back\\slash',
  `odd/${'n'.repeat(200)}`,
  'odd/a/b/c/d/e/f/g/h',
];

const climbing = ['../out', 'a/../../out', '/etc/out', 'a//b', './a', 'a/..', '', 'a/\0b'];

export const checks: Check[] = [
  check('a sink takes bytes and gives the same back', async ({ destination }) => {
    const bytes = randomBytes(3_000_001);
    await store(destination, 'a/b/data.bin', bytes);
    assert.ok((await collect(destination, 'a/b/data.bin')).equals(bytes));
    assert.equal((await destination.stat('a/b/data.bin'))?.size, bytes.length);
  }),
  check('a sink counts what it stored', async ({ destination }) => {
    const sink = await destination.put('counted', 'one');
    await sink.write([Buffer.from('abc'), Buffer.from(''), Buffer.from('de')]);
    await sink.write(Array.from({ length: 2000 }, () => Buffer.from('xy')));
    assert.deepEqual(await sink.prepare(), { size: 4005 });
    await sink.publish();
    assert.equal((await collect(destination, 'counted')).length, 4005);
  }),
  check('an empty object is an object', async ({ destination }) => {
    await store(destination, 'empty', Buffer.alloc(0));
    assert.equal((await destination.stat('empty'))?.size, 0);
    assert.equal((await collect(destination, 'empty')).length, 0);
  }),
  check('nothing is visible before it is published', async ({ destination, other }) => {
    const sink = await destination.put('a/slow', 'one');
    await assertAbsent(other, 'a/slow');
    await sink.write([randomBytes(100_000)]);
    await assertAbsent(other, 'a/slow');
    await sink.prepare();
    await assertAbsent(other, 'a/slow');
    await sink.publish();
    assert.deepEqual(await keys(other, ''), ['a/slow']);
  }),
  check('abort leaves nothing, in whatever state', async ({ destination }) => {
    for (const state of ['open', 'written', 'prepared']) {
      const sink = await destination.put(`gone/${state}`, 'one');
      if (state !== 'open') await sink.write([randomBytes(1000)]);
      if (state === 'prepared') await sink.prepare();
      await sink.abort();
      await sink.abort();
      await assertAbsent(destination, `gone/${state}`);
      await store(destination, `gone/${state}`, Buffer.from('again'), 'one');
      assert.equal(String(await collect(destination, `gone/${state}`)), 'again');
    }
  }),
  check('a taken key is never overwritten by a sink', async ({ destination, other }) => {
    await store(destination, 'taken', Buffer.from('first'));
    await assert.rejects(store(other, 'taken', Buffer.from('second'), 'two'), KeyExists);
    assert.equal(String(await collect(destination, 'taken')), 'first');
    assert.deepEqual(await keys(destination, ''), ['taken']);
  }),
  check('a small object is written once; equal bytes are fine', async ({ destination, other }) => {
    await destination.write('small.json', Buffer.from('{}'));
    await other.write('small.json', Buffer.from('{}'));
    await assert.rejects(other.write('small.json', Buffer.from('[]')), KeyExists);
    await assert.rejects(other.write('small.json', Buffer.from('{}\n')), KeyExists);
    assert.equal(String(await destination.read('small.json', 10)), '{}');
  }),
  check('of concurrent writers of one key exactly one wins', async ({ destination, other }) => {
    const writers = Array.from({ length: 20 }, (_, index) => (index % 2 ? destination : other));
    const results = await Promise.allSettled(
      writers.map((writer, index) => writer.write('race', Buffer.from(`${index}`))),
    );
    const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    assert.equal(winners.length, 1);
    assert.equal(String(await destination.read('race', 10)), `${winners[0]}`);
    for (const result of results)
      if (result.status === 'rejected') assert.ok(result.reason instanceof KeyExists, `${result.reason}`);
  }),
  check('concurrent sinks of one key: one is published, the others are refused', async ({ destination, other }) => {
    const stores = [destination, other, destination, other].map((writer, index) =>
      store(writer, 'sinks', Buffer.from(`artifact ${index}`), `attempt-${index}`),
    );
    const results = await Promise.allSettled(stores);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal(String(await collect(destination, 'sinks')), `artifact ${winner}`);
  }),
  check('replace makes and replaces', async ({ destination, other }) => {
    await destination.replace('page.md', Buffer.from('one'));
    await other.replace('page.md', Buffer.from('two, longer'));
    assert.equal(String(await destination.read('page.md', 100)), 'two, longer');
    assert.deepEqual(await keys(destination, ''), ['page.md']);
  }),
  check('a missing object is told as missing', async ({ destination }) => {
    await destination.write('there/object', Buffer.from('x'));
    for (const key of ['nowhere', 'there/nothing', 'there']) {
      await assertAbsent(destination, key);
      await assert.rejects(destination.get(key), KeyMissing);
      await assert.rejects(destination.read(key, 100), KeyMissing);
      await destination.remove(key === 'there' ? 'there/none' : key);
    }
    assert.deepEqual(await keys(destination, ''), ['there/object']);
  }),
  check('a read has a limit', async ({ destination }) => {
    await destination.write('big', Buffer.alloc(1001));
    await assert.rejects(destination.read('big', 1000), (error: Error) => !(error instanceof KeyMissing));
    assert.equal((await destination.read('big', 1001)).length, 1001);
  }),
  check('ranges', async ({ destination }) => {
    await store(destination, 'ranged', Buffer.from('0123456789'));
    const part = async (start: number, end?: number) =>
      String(await collect(destination, 'ranged', end === undefined ? { start } : { start, end }));
    assert.equal(await part(0, 0), '0');
    assert.equal(await part(2, 4), '234');
    assert.equal(await part(7), '789');
    assert.equal(await part(8, 100), '89');
    assert.equal(await part(10), '');
  }),
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
  check('a key that climbs out of the prefix is refused everywhere', async ({ destination }) => {
    for (const key of climbing) {
      const bytes = Buffer.from('x');
      const attempts: (() => Promise<unknown>)[] = [
        () => destination.write(key, bytes),
        () => destination.replace(key, bytes),
        () => store(destination, key, bytes),
        () => destination.read(key, 10),
        () => destination.get(key),
        () => destination.stat(key),
        () => destination.remove(key),
        () => destination.removeAttempt(key, 'one'),
      ];
      for (const attempt of attempts) {
        await assert.rejects(
          attempt(),
          (error: Error) => !(error instanceof KeyMissing || error instanceof TypeError),
          JSON.stringify(key),
        );
      }
    }
    assert.deepEqual(await keys(destination, ''), []);
  }),
  check('a listing is by prefix, whole, with sizes and times', async ({ destination, bench }) => {
    const begin = (await destination.clock()).getTime();
    const count = bench.objects ?? 2300;
    const names = Array.from({ length: count }, (_, index) => `many/${index % 7}/${String(index).padStart(5, '0')}`);
    for (let start = 0; start < names.length; start += 50) {
      await Promise.all(names.slice(start, start + 50).map((name) => destination.write(name, Buffer.from('four'))));
    }
    await destination.write('manyother', Buffer.from('x'));
    assert.deepEqual(await keys(destination, 'many/'), names.toSorted());
    assert.deepEqual(
      await keys(destination, 'many/3/000'),
      names.filter((name) => name.startsWith('many/3/000')).sort(),
    );
    assert.equal((await keys(destination, 'many')).length, names.length + 1);
    assert.deepEqual(await keys(destination, 'none/'), []);
    for await (const batch of destination.list('many/1/0001')) {
      for (const { size, modified } of batch) {
        assert.equal(size, 4);
        assert.ok(Math.abs(modified.getTime() - begin) < 600_000);
      }
    }
  }),
  check('a listing that cannot be read to its end rejects', async ({ destination, bench }) => {
    if (!bench.breakListing) return;
    for (const key of ['a/1', 'b/1', 'c/1']) await destination.write(key, Buffer.from('x'));
    const mend = await bench.breakListing('b');
    try {
      await assert.rejects(keys(destination, ''));
    } finally {
      await mend();
    }
    assert.ok((await keys(destination, '')).length >= 3);
  }),
  check('what is removed is gone, and may be removed again', async ({ destination, other }) => {
    await store(destination, 'a/x', Buffer.from('1'));
    await store(destination, 'a/xy', Buffer.from('2'));
    await other.remove('a/x');
    await other.remove('a/x');
    await assertAbsent(destination, 'a/x');
    assert.deepEqual(await keys(destination, ''), ['a/xy']);
  }),
  check('what an interrupted attempt left is removed by its name alone', async ({ destination, other }) => {
    const sink = await destination.put('a/cut', 'attempt-1');
    await sink.write([randomBytes(10_000)]);
    const rival = await destination.put('a/cut', 'attempt-2');
    await rival.write([Buffer.from('rival')]);
    await other.removeAttempt('a/cut', 'attempt-1');
    await other.removeAttempt('a/cut', 'attempt-1');
    await assertAbsent(other, 'a/cut');
    await assert.rejects(
      sink.prepare().then(() => sink.publish()),
      'an attempt that was removed cannot be published',
    );
    await sink.abort();
    await rival.prepare();
    await rival.publish();
    await other.removeAttempt('a/cut', 'attempt-2');
    assert.equal(String(await collect(other, 'a/cut')), 'rival');
  }),
  check('free space and clock are sane', async ({ destination }) => {
    const free = await destination.free();
    assert.ok(free === null || free > 0);
    assert.ok(Math.abs((await destination.clock()).getTime() - Date.now()) < 600_000);
  }),
];

type Stage = { bench: Bench; destination: Destination; other: Destination };

function check(name: string, body: (stage: Stage) => Promise<void>): Check {
  const run = async (factory: BenchFactory): Promise<void> => {
    const bench = await factory();
    const [destination, other] = [await bench.open(), await bench.open()];
    try {
      await body({ bench, destination, other });
    } finally {
      await Promise.all([destination.close(), other.close()]);
      await bench.end();
    }
  };
  return { name, run };
}

/** Puts one object in batches, as a capture does. */
export async function store(
  destination: Destination,
  key: string,
  bytes: Uint8Array,
  attempt = 'attempt',
): Promise<void> {
  const sink = await destination.put(key, attempt);
  try {
    for (let start = 0; start < bytes.length; start += 1_000_000) {
      const batch = bytes.subarray(start, start + 1_000_000);
      await sink.write([batch.subarray(0, 65_536), batch.subarray(65_536)]);
    }
    assert.equal((await sink.prepare()).size, bytes.length);
    await sink.publish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

export async function collect(
  destination: Destination,
  key: string,
  range?: { start: number; end?: number },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await destination.get(key, range)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function keys(destination: Destination, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of destination.list(prefix)) found.push(...batch.map(({ key }) => key));
  return found.sort();
}

/** What a store cannot hold is told in a sentence, before anything of it is written. */
async function assertRefused(destination: Destination, key: string): Promise<void> {
  const bytes = Buffer.from('x');
  const isSentence = (error: Error) => /^[A-Z][^]* [^]*\.$/.test(error.message) && !(error instanceof KeyExists);
  for (const attempt of [
    () => destination.write(key, bytes),
    () => destination.replace(key, bytes),
    () => store(destination, key, bytes),
  ])
    await assert.rejects(attempt(), isSentence, JSON.stringify(key));
  assert.deepEqual(await keys(destination, ''), []);
}

async function assertAbsent(destination: Destination, key: string): Promise<void> {
  assert.equal(await destination.stat(key), null, `${key} is visible`);
  assert.ok(!(await keys(destination, '')).includes(key), `${key} is listed`);
}
