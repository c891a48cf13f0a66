/**
 * Loaded into the runner by NODE_OPTIONS: it stops for good at one named step of its work at a destination, and says so in a
 * file, so that a kill hits exactly this step. The system calls themselves are the real ones.
 */
import { appendFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';

const wanted = process.env.STALL_AT;
const log = process.env.STALL_LOG;

/** Stays here when this is the step. */
async function reach(point) {
  if (point !== wanted) return;
  appendFileSync(log, `${point}\n`);
  await pause();
}

/** For good, or for STALL_FOR ms. */
async function pause() {
  if (process.env.STALL_FOR) return new Promise((resolve) => setTimeout(resolve, Number(process.env.STALL_FOR)));
  setInterval(() => {}, 1000);
  return new Promise(() => {});
}

function kindOf(path) {
  if (path.includes('/.runner/')) {
    if (path.includes('/journal/')) return path.endsWith('.manifest') ? 'sealed' : 'journal';
    if (path.includes('/pruned/')) return path.endsWith('.done.json') ? 'done' : 'tombstone';
    return 'other';
  }
  if (path.endsWith('.manifest.json')) return 'manifest';
  if (path.endsWith('.json')) return 'mark';
  return path.endsWith('.md') ? 'other' : 'artifact';
}

if (wanted) {
  const { link, unlink, open } = promises;
  const kinds = new Map();
  const paths = new WeakMap();
  let removals = 0;
  let pruning = false;
  promises.link = async (from, to) => {
    const kind = kindOf(to);
    kinds.set(from, kind);
    await reach(`link-${kind}`);
    await link(from, to);
    if (kind === 'tombstone') pruning = true;
    await reach(`linked-${kind}`);
  };
  promises.unlink = async (path) => {
    if (basename(path).startsWith('.part-')) {
      await unlink(path);
      return reach(`unlinked-${kinds.get(path)}`);
    }
    await unlink(path);
    if (pruning) removals += 1;
    return reach(`removal-${removals}`);
  };
  promises.open = async (path, ...rest) => {
    const handle = await open(path, ...rest);
    paths.set(handle, String(path));
    return handle;
  };
  const probe = await open('/dev/null');
  const { prototype } = probe.constructor;
  await probe.close();
  const { sync } = prototype;
  prototype.sync = async function () {
    const name = basename(paths.get(this) ?? '');
    const isArtifact = name.startsWith('.part-') && !name.startsWith('.part-small-');
    // Not stopped before it: the kill comes while the real one is under way.
    if (isArtifact && wanted === 'fsync') appendFileSync(log, 'fsync\n');
    await sync.call(this);
    if (isArtifact && wanted === 'fsync') {
      appendFileSync(log, 'fsynced\n');
      await pause();
    }
  };
  syncBuiltinESMExports();
}
