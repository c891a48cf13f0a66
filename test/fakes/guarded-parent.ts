/**
 * A small runner: starts a guard and the programs asked for, then waits to be killed, or ends in good order.
 * Usage: RUN-ID MODE DIRECTORY, where MODE is `wait` or `end`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGuard } from '../../src/execute/guard.ts';
import { startPipeline } from '../../src/execute/pipeline.ts';

const [run, mode, directory] = process.argv.slice(2) as [string, string, string];
const guard = startGuard(run);
const env = { PATH: process.env.PATH ?? '', RUNNER_RUN_ID: run };
const { signal } = new AbortController();

const doomed = join(directory, "a work directory with 'quotes', a * and a\nnewline");
const kept = join(directory, 'kept');
for (const path of [doomed, kept]) {
  mkdirSync(path);
  writeFileSync(join(path, 'file'), 'x');
  guard.removeLater(path);
}
guard.keep(kept);
guard.arm('first', ['sh', '-c', 'printf "first %s\\n" "$1" >> "$2"', 'sh', ' two  words*\\n', join(directory, 'log')]);
guard.arm('never', ['touch', join(directory, 'never')]);
guard.disarm('never');
guard.arm('second', ['sh', '-c', 'exit 7']);
guard.arm('second', ['sh', '-c', 'echo second >> "$1"', 'sh', join(directory, 'log')]);

const scripts = [
  // In its group, a grandchild, one that ignores TERM, and one that leaves for a session of its own.
  `sleep 1000 & echo $! >> ${directory}/pids; wait`,
  `trap '' TERM; echo $$ >> ${directory}/pids; while :; do sleep 1; done`,
  `exec node -e 'const c = require("child_process").spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }); c.unref(); require("fs").appendFileSync("${directory}/pids", c.pid + "\\n")'`,
];
if (mode === 'wait') {
  for (const script of scripts) {
    const launch = { argv: ['sh', '-c', script], env, feed: [], exits: [] };
    startPipeline([launch], { input: 'none', output: 'discard', guard, signal });
  }
  process.stdout.write('ready\n');
  setInterval(() => {}, 1000);
} else {
  await guard.end();
  process.stdout.write('ended\n');
}
