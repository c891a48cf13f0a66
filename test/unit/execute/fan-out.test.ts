import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Sink } from '../../../src/destination.ts';
import { fanOut } from '../../../src/execute/fan-out.ts';
import { faultOf, startPipeline } from '../../../src/execute/pipeline.ts';
import { batchBytes } from '../../../src/execute/pump.ts';
import { calm, launch, noGuard, temporaryDirectory } from './support.ts';

type Write = (batch: readonly Uint8Array[]) => Promise<void>;

function sinkOf(write: Write): Sink & { aborted: number } {
  const sink = {
    aborted: 0,
    write,
    prepare: async () => ({ size: 0 }),
    publish: async () => {},
    abort: async () => {
      sink.aborted += 1;
    },
  };
  return sink;
}

function fileSink(path: string): Sink & { aborted: number } {
  const file = openSync(path, 'wx');
  const sink = sinkOf(async (batch) => {
    for (const chunk of batch) writeSync(file, chunk);
  });
  sink.prepare = async () => {
    closeSync(file);
    return { size: 0 };
  };
  return sink;
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

function producer(argv: string[]) {
  return startPipeline([launch(argv)], { input: 'none', output: 'pipe', guard: noGuard, signal: calm });
}

describe('fan-out', () => {
  test('every sink gets the same bytes in order, and their hash is right', async () => {
    const directory = temporaryDirectory();
    const data = randomBytes(20_000_001);
    writeFileSync(join(directory, 'in'), data);
    const names = ['a', 'b', 'c'];
    const sinks = names.map((name) => ({ name, sink: fileSink(join(directory, name)) }));
    const pipeline = producer(['cat', join(directory, 'in')]);
    let told = 0;
    const result = await fanOut(pipeline.output as Readable, sinks, {
      signal: calm,
      onBytes: (bytes) => {
        told += bytes;
      },
    });
    const sha256 = createHash('sha256').update(data).digest('hex');
    expect(result).toEqual({ size: data.length, sha256, failed: [] });
    expect(told).toBe(data.length);
    expect(faultOf(await pipeline.ended)).toBeNull();
    for (const name of names) expect(readFileSync(join(directory, name)).equals(data)).toBe(true);
  });

  test('an empty stream is a size of 0', async () => {
    const result = await fanOut(Readable.from([]), [{ name: 'a', sink: sinkOf(async () => {}) }], { signal: calm });
    expect(result.size).toBe(0);
    expect(result.sha256).toBe(createHash('sha256').digest('hex'));
  });

  test('a sink that fails half-way is aborted and dropped while the other one gets everything', async () => {
    const directory = temporaryDirectory();
    let batches = 0;
    const failing = sinkOf(async () => {
      batches += 1;
      if (batches === 5) throw new Error('disk full');
    });
    const well = fileSink(join(directory, 'well'));
    const pipeline = producer(['head', '-c', '30000000', '/dev/zero']);
    const sinks = [
      { name: 'nas', sink: failing },
      { name: 'main', sink: well },
    ];
    const result = await fanOut(pipeline.output as Readable, sinks, { signal: calm });
    expect(result.failed.map(({ name, error }) => [name, error.message])).toEqual([['nas', 'disk full']]);
    expect([batches, failing.aborted, well.aborted]).toEqual([5, 1, 0]);
    expect(readFileSync(join(directory, 'well')).length).toBe(30_000_000);
  });

  test('without a sink left it rejects, and the producer is not kept waiting', async () => {
    const sink = sinkOf(() => Promise.reject(new Error('gone')));
    const pipeline = producer(['cat', '/dev/zero']);
    await expect(fanOut(pipeline.output as Readable, [{ name: 'a', sink }], { signal: calm })).rejects.toThrow('gone');
    expect(sink.aborted).toBe(1);
    // SIGPIPE, or a write error where it was caught waiting.
    expect((await pipeline.ended)[0]?.verdict).toBe('failed');
  });

  test('a slow sink holds the producer back: never more than a few batches are in memory', async () => {
    let written = 0;
    let read = 0;
    let most = 0;
    let inside = 0;
    const slow = sinkOf(async (batch) => {
      inside += 1;
      expect(inside).toBe(1);
      await pause(5);
      inside -= 1;
      written += batch.reduce((sum, chunk) => sum + chunk.length, 0);
    });
    const pipeline = producer(['head', '-c', '100000000', '/dev/zero']);
    pipeline.output?.on('data', (chunk: Buffer) => {
      read += chunk.length;
      most = Math.max(most, read - written);
    });
    const { size } = await fanOut(pipeline.output as Readable, [{ name: 'slow', sink: slow }], { signal: calm });
    expect([size, written]).toEqual([100_000_000, 100_000_000]);
    // One on its way and one filling, each with the read that made it full, and one read that waits.
    expect(most).toBeLessThan(4 * batchBytes);
  });

  test('a sink without progress is dropped, the other one goes on', async () => {
    const stuck = sinkOf(() => new Promise(() => {}));
    const sinks = [
      { name: 'stuck', sink: stuck },
      { name: 'well', sink: sinkOf(async () => {}) },
    ];
    const pipeline = producer(['head', '-c', '5000000', '/dev/zero']);
    const result = await fanOut(pipeline.output as Readable, sinks, { signal: calm, stall: 0.1 });
    expect(result.size).toBe(5_000_000);
    expect(result.failed[0]?.error.message).toBe('Destination "stuck" took no more data for 0.1 s.');
    expect(stuck.aborted).toBe(1);
  });

  test('an input that breaks off is a rejection, never a short success; the sinks stay the caller’s', async () => {
    const sink = sinkOf(async () => {});
    const broken = new Readable({
      read() {
        this.push(Buffer.alloc(1000));
        this.destroy(new Error('line cut'));
      },
    });
    await expect(fanOut(broken, [{ name: 'a', sink }], { signal: calm })).rejects.toThrow('line cut');
    const closed = new Readable({
      read() {
        this.push(Buffer.alloc(1000));
        this.destroy();
      },
    });
    await expect(fanOut(closed, [{ name: 'a', sink }], { signal: calm })).rejects.toThrow(/before its end/);
    expect(sink.aborted).toBe(0);
  });

  test('an interruption stops it behind the batch that is on its way', async () => {
    const controller = new AbortController();
    let inside = 0;
    const sink = sinkOf(async () => {
      inside += 1;
      controller.abort(new Error('stop'));
      await pause(50);
      inside -= 1;
    });
    const pipeline = producer(['cat', '/dev/zero']);
    const running = fanOut(pipeline.output as Readable, [{ name: 'a', sink }], { signal: controller.signal });
    await expect(running).rejects.toThrow('stop');
    expect(inside).toBe(0);
    await pipeline.ended;
  });

  describe('sinks of different pace', () => {
    const mebibyte = 1024 * 1024;
    const sizeOf = (batch: readonly Uint8Array[]) => batch.reduce((sum, chunk) => sum + chunk.length, 0);
    /** Takes so many bytes a second, and remembers how many it took when. */
    function paced(rate: number) {
      const sink = Object.assign(
        sinkOf(async (batch) => {
          const bytes = sizeOf(batch);
          await pause((bytes / rate) * 1000);
          sink.taken += bytes;
        }),
        { taken: 0 },
      );
      return sink;
    }

    test('the fast one is not held back before the slow one is 64 MiB behind; then both go on together', async () => {
      let ahead = 0;
      let open = () => {};
      const farAhead = new Promise<void>((resolve) => {
        open = resolve;
      });
      /** Takes nothing before the other is far ahead, and could be farther. */
      const slow = Object.assign(
        sinkOf(async (batch) => {
          if (slow.taken === 0) await farAhead.then(() => pause(500));
          slow.taken += sizeOf(batch);
        }),
        { taken: 0 },
      );
      const fast = Object.assign(
        sinkOf(async (batch) => {
          fast.taken += sizeOf(batch);
          ahead = Math.max(ahead, fast.taken - slow.taken);
          if (ahead > 60 * mebibyte) open();
        }),
        { taken: 0 },
      );
      const pipeline = producer(['head', '-c', String(80 * mebibyte), '/dev/zero']);
      const sinks = [
        { name: 'slow', sink: slow },
        { name: 'fast', sink: fast },
      ];
      const { size, failed } = await fanOut(pipeline.output as Readable, sinks, { signal: calm });
      expect([size, slow.taken, fast.taken, failed]).toEqual([80 * mebibyte, 80 * mebibyte, 80 * mebibyte, []]);
      // The ring, with what made it full and what the slow one was just taking.
      expect(ahead).toBeLessThan(67 * mebibyte);
    });

    test('bytes are the same for both, in order, whatever their pace', async () => {
      const directory = temporaryDirectory();
      const data = randomBytes(30 * mebibyte + 17);
      writeFileSync(join(directory, 'in'), data);
      const hashes = ['a', 'b', 'c'].map(() => createHash('sha256'));
      const sinks = hashes.map((hash, index) => ({
        name: String(index),
        sink: sinkOf(async (batch) => {
          await pause(index * 7 * Math.random());
          for (const chunk of batch) hash.update(chunk);
        }),
      }));
      const pipeline = producer(['cat', join(directory, 'in')]);
      const { sha256 } = await fanOut(pipeline.output as Readable, sinks, { signal: calm });
      expect(sha256).toBe(createHash('sha256').update(data).digest('hex'));
      for (const hash of hashes) expect(hash.digest('hex')).toBe(sha256);
    });

    test('one that alone holds the others up for too long is left out, and says why', async () => {
      const slow = paced(10 * mebibyte);
      const fast = sinkOf(async () => {});
      const sinks = [
        { name: 'nas', sink: slow, dropAfter: 0.3 },
        { name: 'main', sink: fast },
      ];
      const pipeline = producer(['head', '-c', String(200 * mebibyte), '/dev/zero']);
      const { size, failed } = await fanOut(pipeline.output as Readable, sinks, { signal: calm });
      expect(size).toBe(200 * mebibyte);
      expect(failed.map(({ name, error }) => [name, error.message])).toEqual([
        ['nas', expect.stringMatching(/"nas" was left out: it held up the others/)],
      ]);
      expect([slow.aborted, fast.aborted]).toEqual([1, 0]);
      expect(slow.taken).toBeLessThan(100 * mebibyte);
    });

    test('none is left out that is slow but held nobody up, nor when too few would be left', async () => {
      // With `waits` the producer does not end before the slow one has caught up, however late timers are here.
      const run = async (rate: number, bytes: number, atLeast: number, waits = false) => {
        const caughtUp = join(temporaryDirectory(), 'caught-up');
        const slow = paced(rate * mebibyte);
        const sinks = [
          { name: 'nas', sink: slow, dropAfter: 0.1 },
          { name: 'main', sink: sinkOf(async () => {}) },
        ];
        const pause = waits ? `until [ -e ${caughtUp} ]; do sleep 0.1; done` : 'sleep 1.5';
        const pipeline = producer(['sh', '-c', `head -c ${bytes * mebibyte} /dev/zero; ${pause}; echo end`]);
        // What is less than a batch waits for more.
        const most = bytes * mebibyte - 2 * batchBytes;
        const look = setInterval(() => slow.taken >= most && writeFileSync(caughtUp, ''), 20);
        try {
          return (await fanOut(pipeline.output as Readable, sinks, { signal: calm, atLeast })).failed;
        } finally {
          clearInterval(look);
        }
      };
      expect(await run(100, 50, 1, true)).toEqual([]);
      expect(await run(30, 110, 2)).toEqual([]);
      expect(await run(3, 110, 1)).toHaveLength(1);
    });

    test('one that is stuck is out although it may not be dropped for being slow', async () => {
      const stuck = sinkOf(() => new Promise(() => {}));
      const sinks = [
        { name: 'stuck', sink: stuck },
        { name: 'well', sink: sinkOf(async () => {}) },
      ];
      const pipeline = producer(['head', '-c', String(100 * mebibyte), '/dev/zero']);
      const { size, failed } = await fanOut(pipeline.output as Readable, sinks, {
        signal: calm,
        stall: 0.2,
        atLeast: 2,
      });
      expect([size, failed.map(({ name }) => name)]).toEqual([100 * mebibyte, ['stuck']]);
    });

    test('an interruption while only the slowest still has to take is heard at once', async () => {
      const controller = new AbortController();
      const sinks = [
        { name: 'slow', sink: paced(mebibyte) },
        { name: 'fast', sink: sinkOf(async () => {}) },
      ];
      const pipeline = producer(['head', '-c', String(20 * mebibyte), '/dev/zero']);
      const running = fanOut(pipeline.output as Readable, sinks, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('stop')), 300);
      const began = performance.now();
      await expect(running).rejects.toThrow('stop');
      expect(performance.now() - began).toBeLessThan(15_000);
    });
  });
});
