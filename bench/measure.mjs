// What the benchmarks share: medians, the machine they ran on, and a file for the raw runs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const cli = join(root, 'dist', 'cli.js');
/** Ignored by git: inputs, shelves and whatever else a benchmark leaves until it ends. */
export const work = join(root, 'bench', 'runs', 'work');

export function median(values) {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** An option of the command line such as `--runs 5`, as a number. */
export function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : Number(process.argv[at + 1]);
}

/** Keeps raw runs in bench/runs/NAME.json: the newest ones, with the machine and the load it was under. */
export function keep(name, loadBefore, results) {
  const machine = {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    load: { before: loadBefore, after: loadavg()[0] },
  };
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  mkdirSync(join(root, 'bench', 'runs'), { recursive: true });
  const content = { benchmark: name, version, time: new Date().toISOString(), machine, ...results };
  writeFileSync(join(root, 'bench', 'runs', `${name}.json`), `${JSON.stringify(content, null, 2)}\n`);
}

/** Prints one promise and whether it holds; the process ends with 1 when one does not. */
export function promise(what, value, most, unit = '') {
  const holds = value <= most;
  if (!holds) process.exitCode = 1;
  const shown = Number.isInteger(value) ? value : value.toFixed(3);
  console.log(`${holds ? 'ok    ' : 'MISSED'} ${what}: ${shown}${unit} (at most ${most}${unit})`);
}
