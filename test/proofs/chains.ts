/** Shelves of four backups, one a transform chain: the newest made by the program, three older ones of the same bytes. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Manifest } from '../../src/catalog/format.ts';
import { manifestKey } from '../../src/catalog/keys.ts';
import { runner } from '../helpers/runner.ts';
import { makeKey } from '../kinds/gpg-keys.ts';
import { idAt, layAgain, type Model, modelOf } from './shelf.ts';
import { filesBelow, isOnPath, sha256OfFile } from './support.ts';

export type Chain = {
  name: string;
  root: string;
  /** Ids, the oldest first; the last one is the program's own. Retention keeps the newest two good ones. */
  ids: string[];
  plan: string;
  artifact: string;
  manifest: string;
};

const programs: Record<string, string[]> = {
  none: [],
  gzip: [],
  'zstd, aes': ['zstd'],
  xz: ['xz'],
  gpg: ['gpg'],
  age: ['age', 'age-keygen'],
  'sqlite, zstd': ['zstd', 'sqlite3'],
};

/** The chains whose programs are there, and those that are not. */
export function chainNames(): { present: string[]; missing: string[] } {
  const names = Object.keys(programs);
  const present = names.filter((name) => programs[name]!.every(isOnPath));
  return { present, missing: names.filter((name) => !present.includes(name)) };
}

async function transformsOf(name: string, folder: string): Promise<string> {
  if (name === 'zstd, aes') return '[zstd, { aes: { key: { secret: key } } }]';
  if (name === 'sqlite, zstd') return '[zstd]';
  if (name === 'gpg') {
    const { publicFile, privateFile } = await makeKey('proof');
    return `[{ gpg: { recipients: [${publicFile}], identity: ${privateFile} } }]`;
  }
  if (name === 'age') {
    const identity = join(folder, 'identity');
    execFileSync('age-keygen', ['-o', identity], { stdio: 'pipe' });
    const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
    return `[{ age: { recipients: [${recipient}], identities: [${identity}] } }]`;
  }
  return name === 'none' ? '[]' : `[${name}]`;
}

export async function makeChain(name: string, root: string): Promise<Chain> {
  await mkdir(root, { recursive: true });
  const transforms = await transformsOf(name, root);
  const lines = Array.from({ length: 400 }, (_, index) => `line ${index} of what compresses well\n`).join('');
  await writeFile(join(root, 'data.bin'), Buffer.concat([randomBytes(30_000), Buffer.from(lines), randomBytes(5_000)]));
  await writeFile(join(root, 'key'), 'a passphrase of the proof\n', { mode: 0o600 });
  const isDatabase = name.startsWith('sqlite');
  if (isDatabase) {
    execFileSync('sqlite3', [
      join(root, 'data.sqlite'),
      'create table t(a); insert into t select hex(randomblob(40)) from generate_series(1, 500)',
    ]);
  }
  const source = isDatabase ? '{ type: sqlite, path: data.sqlite }' : '{ type: command, run: [cat, data.bin] }';
  const plan = join(root, 'plan.yaml');
  const write = (kept: number) =>
    writeFile(
      plan,
      `version: 1\nname: shop\ntimezone: UTC\n${name.includes('aes') ? 'secrets: { key: { file: key } }\n' : ''}destinations: { disk: { type: local, path: disk } }\nbackups:\n  orders:\n    source: ${source}\n    transforms: ${transforms}\n    destinations: [disk]\n    retention: { last: ${kept} }\n    verify: [content]\n`,
    );
  await write(100);
  const model = await modelOf(join(root, 'disk'), 'shop', (await apply(name, plan)).id);
  const ids = [3, 2, 1].map((days) => idAt('orders', new Date(Date.now() - days * 86_400_000), days));
  await layHistory(model, ids);
  // The program makes the newest again, so that it follows the others as it would have.
  for (const file of filesBelow(model.root)) if (file.includes(model.manifest.id)) await rm(join(model.root, file));
  const { id, artifact } = await apply(name, plan);
  await write(2);
  const manifest = `${artifact.slice(0, artifact.lastIndexOf('/'))}/${id}.manifest.json`;
  return { name, root, plan, ids: [...ids, id], artifact, manifest };
}

async function apply(name: string, plan: string): Promise<{ id: string; artifact: string }> {
  const made = await runner(['apply', '--json', plan]);
  expect(made.exitCode, `${name}: ${made.stderr}${made.stdout.slice(-1500)}`).toBe(0);
  const [, id, artifact] = /"event":"committed".*?"id":"([^"]+)".*?"key":"([^"]+)"/.exec(made.stdout)!;
  return { id: id!, artifact: artifact! };
}

/** Older ones, each of which names the one before it. */
async function layHistory(model: Model, ids: string[]): Promise<void> {
  let previous: Manifest['previous'] = null;
  for (const [index, id] of ids.entries()) {
    await layAgain(model, id, { change: { sequence: index + 1, previous } });
    previous = { id, sha256: await sha256OfFile(join(model.root, manifestKey('shop', id))) };
  }
}
