/** A small runner that pours an endless stream into a consumer which commits at a clean end. Usage: RUN-ID DIRECTORY. */
import { Readable } from 'node:stream';
import { startGuard } from '../../src/execute/guard.ts';
import { pour } from '../../src/execute/pour.ts';

const [run, directory] = process.argv.slice(2) as [string, string];
const env = { PATH: process.env.PATH ?? '', RUNNER_RUN_ID: run };
const endless = async function* () {
  for (;;) {
    yield Buffer.alloc(2_000_000, 'x');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
// Deaf to TERM: it would have a whole second to commit if it saw an end.
const script = 'trap "" TERM; cat > "$1/data" && touch "$1/committed"';
await pour({
  source: Readable.from(endless()),
  decode: [{ argv: ['cat'], env, feed: [], exits: [] }],
  intake: { consume: { argv: ['sh', '-c', script, 'sh', directory], env, feed: [], exits: [] } },
  guard: startGuard(run),
  signal: new AbortController().signal,
});
