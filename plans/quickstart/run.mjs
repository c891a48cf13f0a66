// npm run quickstart: a live shop, backed up, proven by a restore, and the line to try next.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openShop } from './shop.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, '..', '..', 'dist', 'cli.js');
const plan = relative(process.cwd(), join(here, '..', 'quickstart.yaml'));

async function runner(...args) {
  console.log(`\n$ npx runner ${args.join(' ')}`);
  const [code] = await once(spawn(process.execPath, [cli, ...args], { stdio: 'inherit' }), 'exit');
  if (code !== 0) throw new Error(`runner ${args[0]} ended with exit code ${code}`);
}

const shop = openShop(join(here, 'shop'));
try {
  await runner('apply', plan);
  await runner('list', plan);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  shop.close();
}
if (!process.exitCode) {
  console.log(`
The backups lie in ${relative(process.cwd(), join(here, 'backups'))}, each beside its manifest and a RECOVERY.md
that tells how to get the data back without this program. Now try:

  npx runner restore ${plan} shop --latest --to ./restored`);
}
