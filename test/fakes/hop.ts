/** Hashes what a program prints, as a capture does, and tells its own largest memory in KiB. Usage: BYTES. */
import type { Readable } from 'node:stream';
import { fanOut } from '../../src/execute/fan-out.ts';
import { startPipeline } from '../../src/execute/pipeline.ts';

const { signal } = new AbortController();
const launch = {
  argv: ['head', '-c', process.argv[2] ?? '', '/dev/zero'],
  env: { PATH: process.env.PATH ?? '' },
  feed: [],
  exits: [],
};
const guard = { watch: () => {}, unwatch: () => {} };
const pipeline = startPipeline([launch], { input: 'none', output: 'pipe', guard, signal });
const sink = {
  write: async () => {},
  prepare: async () => ({ size: 0 }),
  publish: async () => {},
  abort: async () => {},
};
const { size } = await fanOut(pipeline.output as Readable, [{ name: 'nowhere', sink }], { signal });
process.stdout.write(JSON.stringify({ size, memory: process.resourceUsage().maxRSS }));
