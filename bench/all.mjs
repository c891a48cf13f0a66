// Every benchmark, one after the other; the raw runs are kept in bench/runs. Some forty minutes on two quiet cores.
// usage: npm run build && node bench/all.mjs
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './measure.mjs';

const names = [
  'startup',
  'retention',
  'listing',
  'listing-s3',
  'capture',
  'memory',
  'fan-out',
  'databases',
  's3',
  'sftp',
];
const missed = names.filter((name) => {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, [join(root, 'bench', `${name}.mjs`)], { stdio: 'inherit' });
  return status !== 0;
});
if (missed.length > 0) {
  console.log(`\nNot as promised: ${missed.join(', ')}`);
  process.exitCode = 1;
}
