// Seconds that a prune decision over 100,000 backups takes, every tier included: median of 5, each in a fresh process.
// usage: node bench/retention.mjs [backups]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { keep, median, promise } from './measure.mjs';

const policy = {
  last: 3,
  within: { amount: 7, unit: 'd' },
  tiers: {
    hourly: { count: 48 },
    daily: { reach: { amount: 30, unit: 'd' } },
    weekly: { reach: { amount: 1, unit: 'y' } },
    monthly: { reach: { amount: 7, unit: 'y' } },
    quarterly: { count: 40 },
    yearly: { reach: { amount: 30, unit: 'y' } },
  },
  tags: ['release'],
  floor: 1,
  weekStarts: 'monday',
};

const spacings = { hourly: 3600, 'every 5 minutes': 300, daily: 86_400 };

/** In the child: one decision in one zone, timed. */
async function measure(bundle, count, zone, spacing) {
  const { decide } = await import(pathToFileURL(bundle).href);
  const end = Date.parse('2026-11-20T02:00:00Z');
  const items = Array.from({ length: count }, (_, index) => {
    const time = new Date(end - (count - 1 - index) * spacing * 1000);
    const stamp = time.toISOString().replace(/[-:]|\.\d+/g, '');
    return { id: `shop-${stamp}-${String(index).padStart(6, '0')}`, time, good: index % 50 !== 7 };
  });
  const begun = performance.now();
  const decision = decide(policy, zone, items);
  const seconds = (performance.now() - begun) / 1000;
  console.log(JSON.stringify({ seconds, keep: decision.keep.length, delete: decision.delete.length }));
}

async function main(count) {
  const { build } = await import('rolldown');
  const loadBefore = loadavg()[0];
  const results = [];
  const directory = mkdtempSync(join(tmpdir(), 'bench-retention-'));
  try {
    const bundle = join(directory, 'decide.mjs');
    const input = fileURLToPath(new URL('../src/retention/decide.ts', import.meta.url));
    await build({ input, platform: 'node', logLevel: 'silent', output: { file: bundle, format: 'esm' } });
    for (const zone of ['UTC', 'Europe/Berlin', 'Africa/Casablanca']) {
      for (const [name, spacing] of Object.entries(spacings)) {
        const script = fileURLToPath(import.meta.url);
        const runs = Array.from({ length: 5 }, () => {
          const child = spawnSync(process.execPath, [script, '--measure', bundle, count, zone, spacing], {
            encoding: 'utf8',
          });
          if (child.status !== 0) throw new Error(child.stderr);
          return JSON.parse(child.stdout);
        });
        const seconds = runs.map((run) => run.seconds);
        const { keep: kept, delete: deleted } = runs[0];
        promise(`${zone}, ${name}: keeps ${kept}, deletes ${deleted}`, median(seconds), 1, ' s');
        results.push({ zone, spacing: name, kept, deleted, seconds });
      }
    }
    keep('retention', loadBefore, { backups: Number(count), results });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === '--measure') await measure(rest[0], Number(rest[1]), rest[2], Number(rest[3]));
else await main(mode ?? '100000');
