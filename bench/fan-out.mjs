// 1 GB from memory to one and to three local destinations that take 40 MB/s each: three at once against one of them alone, and
// the peak of the process's memory. The throttle stands in front of real files: `slow` fakes would hide what a disk does.
// usage: node bench/fan-out.mjs [--bytes 1000000000] [--rate 40000000] [--runs 3]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'rolldown';
import { keep, median, option, promise, root, work } from './measure.mjs';

const bytes = option('bytes', 1e9);
const rate = option('rate', 40e6);
const place = join(work, 'fan-out');
const { local, fanOut } = await bundled();
const opening = { readSecret: async () => '', environment: process.env, purpose: 'use' };

/** The parts of the program that this is about, as they stand in src. */
async function bundled() {
  mkdirSync(work, { recursive: true });
  const input = join(work, 'fan-out-parts.ts');
  const file = join(work, 'fan-out-parts.mjs');
  const from = (path) => JSON.stringify(join(root, 'src', path));
  const lines = [
    `export { local } from ${from('destinations/local/index.ts')};`,
    `export { fanOut } from ${from('execute/fan-out.ts')};`,
  ];
  writeFileSync(input, `${lines.join('\n')}\n`);
  await build({ input, platform: 'node', logLevel: 'silent', output: { file, format: 'esm' } });
  return await import(pathToFileURL(file).href);
}

/** Takes no more than `rate` bytes a second on average, in steps of what it is handed, as a line does. */
function throttled(sink) {
  let free = performance.now();
  return {
    write: async (batch) => {
      const size = batch.reduce((sum, chunk) => sum + chunk.length, 0);
      await sink.write(batch);
      free = Math.max(free, performance.now() - 50) + (size / rate) * 1000;
      const ahead = free - performance.now();
      if (ahead > 1) await sleep(ahead);
    },
    prepare: () => sink.prepare(),
    publish: () => sink.publish(),
    abort: () => sink.abort(),
  };
}

function* chunks() {
  for (let left = bytes; left > 0; left -= 65536) yield Buffer.alloc(Math.min(left, 65536), left % 251);
}

async function measure(copies) {
  rmSync(place, { recursive: true, force: true });
  const sinks = [];
  for (const name of ['a', 'b', 'c'].slice(0, copies)) {
    const destination = await local.open(name, { path: join(place, name) }, opening);
    sinks.push({ name, sink: throttled(await destination.put('data', 'bench')) });
  }
  const began = performance.now();
  const { size, failed } = await fanOut(Readable.from(chunks(), { objectMode: false }), sinks, {
    signal: new AbortController().signal,
  });
  await Promise.all(sinks.map(({ sink }) => sink.prepare()));
  const seconds = (performance.now() - began) / 1000;
  if (size !== bytes || failed.length > 0) throw new Error(`wrote ${size} of ${bytes} bytes; ${failed.length} failed`);
  for (const { sink } of sinks) await sink.abort();
  return seconds;
}

const loadBefore = loadavg()[0];
const runs = { one: [], three: [] };
for (let round = 0; round < option('runs', 3); round++) {
  runs.one.push(await measure(1));
  runs.three.push(await measure(3));
}
rmSync(place, { recursive: true, force: true });
const [one, three] = [median(runs.one), median(runs.three)];
const speed = (seconds) => `${seconds.toFixed(2)} s, ${(bytes / seconds / 1e6).toFixed(1)} MB/s`;
console.log(`one: ${speed(one)}; three at once: ${speed(three)} each`);
promise('three throttled destinations at once, times one alone', three / one, 1.1);
promise('peak of the memory', Math.round(process.resourceUsage().maxRSS / 1024), 250, ' MiB');
keep('fan-out', loadBefore, { bytes, rate, runs });
