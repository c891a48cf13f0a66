/**
 * The day on which this program is not there: every artifact is opened by `sh` with stock programs alone, by the commands of
 * its manifest and by those of RECOVERY.md. `STOCK_CHAINS=all` takes every chain of three, not a sample.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/catalog/format.ts';
import { findProgram } from '../../src/programs.ts';
import { has } from '../helpers/programs.ts';
import { runner, temporaryDirectory } from '../helpers/runner.ts';
import { have, type Keys, makeKeys, makeShop, writePlan } from './shop.ts';

/** What a person has at hand: no node, and no runner. */
const stock = 'sh cat cp mkdir echo sha256sum gzip zstd xz openssl gpg gpg-agent age tar sqlite3 ssh-keygen'.split(' ');

const temporary = temporaryDirectory('runner-stock-');
const directory = temporary.path;
const bin = join(directory, 'bin');
// The path of an agent's socket may have some 100 characters only.
const keyring = mkdtempSync(join(tmpdir(), 'k'));
const signs = has('ssh-keygen');
/** Without them our own filters seal, but nothing on this machine opens what they made. */
const opens = { gzip: has('gzip'), aes: has('openssl') };
let keys: Keys;
/** What every chain holds: some of it can be compressed, some not. */
const content = Buffer.concat([Buffer.from('line of text\n'.repeat(5000)), randomBytes(50_000)]);

beforeAll(async () => {
  mkdirSync(bin);
  for (const name of stock) {
    const path = findProgram(name, process.env);
    if (path) symlinkSync(path, join(bin, name));
  }
  await makeShop(directory);
  writeFileSync(join(directory, 'content'), content);
  keys = await makeKeys(join(directory, 'keys'));
  if (signs) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, 'keys', 'signing')]);
  if (have.gpg) gpg('--import', keys.gpgPrivate);
});
afterAll(() => {
  if (have.gpg) spawnSync('gpgconf', ['--homedir', keyring, '--kill', 'all']);
  rmSync(keyring, { recursive: true });
  temporary.remove();
});

function gpg(...words: string[]): void {
  execFileSync('gpg', ['--homedir', keyring, '--batch', '--quiet', ...words], { stdio: 'pipe' });
}

/** Every transform, each encrypting one with the keys of the shop. */
function transforms(): Record<string, unknown> {
  const passphrase = { secret: 'key' };
  return {
    ...(opens.gzip && { gzip: 'gzip' }),
    ...(have.zstd && { zstd: 'zstd' }),
    ...(have.xz && { xz: { xz: { level: 1 } } }),
    // Few rounds, since it is done so often here; the manifest says how many.
    ...(opens.aes && { aes: { aes: { key: passphrase, iterations: 10_000 } } }),
    ...(have.gpg && {
      gpg: { gpg: { recipients: [keys.gpgPublic] } },
      'gpg-symmetric': { gpg: { passphrase } },
    }),
    ...(have.age && { age: { age: { recipients: [keys.agePublic] } } }),
  };
}

/** Chains of three: all, or so many that every transform stands in every place and before every other. */
function triples(names: string[]): string[][] {
  const all = names.flatMap((one) => names.flatMap((two) => names.map((three) => [one, two, three])));
  if (process.env.STOCK_CHAINS === 'all') return all;
  const step = names.length;
  return names.flatMap((one, index) =>
    [1, 2].map((far) => [one, names[(index + far) % step]!, names[(index + 3 * far) % step]!]),
  );
}

const secrets = () => ({
  key: { file: keys.passphrase },
  ...(signs && { signing: { file: join(directory, 'keys', 'signing') } }),
});

function planOf(name: string, backups: Record<string, unknown>): string {
  return writePlan(
    directory,
    {
      version: 1,
      name,
      secrets: secrets(),
      ...(signs && { signing: { key: { secret: 'signing' }, public: join(directory, 'keys', 'signing.pub') } }),
      destinations: { main: { type: 'local', path: join(directory, 'main') } },
      defaults: { destinations: ['main'] },
      backups,
    },
    `${name}.yaml`,
  );
}

async function apply(plan: string, env: Record<string, string> = {}): Promise<void> {
  const { exitCode, stderr } = await runner(['apply', plan, '--quiet'], { env });
  expect(exitCode, stderr).toBe(0);
}

/** A fresh folder with the keys under the names that the commands use, as the page tells to do. */
function workplace(name: string): string {
  const path = join(directory, 'open', name);
  mkdirSync(path, { recursive: true });
  cpSync(keys.passphrase, join(path, 'KEY_FILE'));
  if (have.age) cpSync(keys.ageIdentity, join(path, 'IDENTITY_FILE'));
  return path;
}

/** Runs a script of stock commands; every one of them must succeed. */
function sh(script: string, cwd: string): string {
  const env = { PATH: bin, GNUPGHOME: keyring, HOME: directory };
  const { status, stdout, stderr } = spawnSync(join(bin, 'sh'), ['-e', '-c', script], { cwd, env, encoding: 'utf8' });
  expect(status, `${script}\n${stderr}`).toBe(0);
  return stdout;
}

function manifests(plan: string): Map<string, Manifest> {
  const root = join(directory, 'main', plan);
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.manifest.json'),
  );
  const all = names.map((name) => JSON.parse(readFileSync(join(root, name), 'utf8')) as Manifest);
  return new Map(all.map((manifest) => [manifest.backup, manifest]));
}

/** The commands of each section of the page, by the name of the backup. */
function pageOf(plan: string): { head: string; sections: Map<string, string> } {
  const page = readFileSync(join(directory, 'main', plan, 'RECOVERY.md'), 'utf8');
  const blocks = [...page.matchAll(/^## ([a-z0-9-]+)\n[\s\S]*?^```sh\n([\s\S]*?)^```$/gm)];
  return { head: page.split('\n', 1)[0]!, sections: new Map(blocks.map(([, name, script]) => [name!, script!])) };
}

/** Who signs for a plan: from the key that is kept with it, as the page tells. */
function allowSigner(plan: string, path: string): void {
  if (signs)
    writeFileSync(join(path, 'allowed_signers'), `${plan} ${readFileSync(join(directory, 'keys', 'signing.pub'))}`);
}

/** Opens every backup of a plan in both ways and hands each folder to `check`. */
function openAll(plan: string, check: (path: string, backup: string) => void): void {
  const found = manifests(plan);
  const { sections } = pageOf(plan);
  expect([...sections.keys()].toSorted()).toEqual([...found.keys()].toSorted());
  for (const [backup, { recovery, artifacts }] of found) {
    const byManifest = workplace(`${plan}-${backup}-manifest`);
    cpSync(join(directory, 'main', artifacts[0]!.key), join(byManifest, 'ARTIFACT'));
    sh(recovery.join('\n'), byManifest);
    check(byManifest, backup);
    const byPage = workplace(`${plan}-${backup}-page`);
    allowSigner(plan, byPage);
    sh(sections.get(backup)!, byPage);
    check(byPage, backup);
  }
}

const sameContent = (path: string) => expect(readFileSync(join(path, 'restored.bin')).equals(content)).toBe(true);

describe('without this program', () => {
  it('there is none of it on the PATH', () => {
    for (const name of ['node', 'npm', 'npx', 'runner']) expect(existsSync(join(bin, name))).toBe(false);
  });

  it('each transform alone, over each kind of source', async () => {
    const feed = { type: 'command', run: ['cat', join(directory, 'content')] };
    const alone = Object.entries(transforms()).map(([name, one]) => [name, { source: feed, transforms: [one] }]);
    const plan = planOf('alone', {
      ...Object.fromEntries(alone),
      plain: { source: feed },
      database: { source: { type: 'sqlite', path: join(directory, 'shop.sqlite') }, transforms: ['gzip'] },
      folder: { source: { type: 'files', base: directory, paths: ['uploads'] }, transforms: ['gzip'] },
    });
    await apply(plan);
    openAll('alone', (path, backup) => {
      if (backup === 'folder') {
        for (const name of ['a folder/-first "of" all.txt', 'line\nbreak']) {
          const restored = readFileSync(join(path, 'restored', 'uploads', name));
          expect(restored.equals(readFileSync(join(directory, 'uploads', name)))).toBe(true);
        }
      } else if (backup === 'database') {
        const head = readFileSync(join(path, 'restored.sqlite')).subarray(0, 15);
        expect(head.toString()).toBe('SQLite format 3');
        if (have.sqlite3) expect(sh('sqlite3 restored.sqlite "select count(*) from customers"', path)).toBe('200\n');
      } else sameContent(path);
    });
  });

  it('chains of three', { timeout: process.env.STOCK_CHAINS === 'all' ? 1_800_000 : 120_000 }, async () => {
    const known = transforms();
    const source = { type: 'command', run: ['cat', join(directory, 'content')] };
    const chains = triples(Object.keys(known)).map((names) => [
      names.join('-then-'),
      { source, transforms: names.map((name) => known[name]) },
    ]);
    await apply(planOf('chains', Object.fromEntries(chains)));
    expect(manifests('chains').size).toBe(new Set(chains.map(([name]) => name)).size);
    openAll('chains', sameContent);
  });

  it.skipIf(!opens.gzip || !opens.aes)('what our own filters made, where gzip and openssl were missing', async () => {
    const poor = join(directory, 'poor');
    mkdirSync(poor);
    for (const name of ['cat', 'sh']) symlinkSync(findProgram(name, process.env)!, join(poor, name));
    const source = { type: 'command', run: ['cat', join(directory, 'content')] };
    const { gzip, aes } = transforms();
    await apply(planOf('poor', { text: { source, transforms: [gzip, aes] } }), { PATH: poor });
    const stages = manifests('poor').get('text')!.artifacts[0]!.stages;
    expect(stages.map(({ argv }) => argv[0])).toEqual(['runner-builtin', 'runner-builtin']);
    openAll('poor', sameContent);
  });

  it.skipIf(!signs)('the page is signed, and says how to check that', async () => {
    const plan = planOf('signed', { text: { source: { type: 'command', run: ['echo', 'text'] } } });
    await apply(plan);
    const place = join(directory, 'main', 'signed');
    allowSigner('signed', place);
    const line = /^Check first: `(.*)`$/.exec(pageOf('signed').head)![1]!;
    expect(sh(line, place)).toContain('Good');
    const page = readFileSync(join(place, 'RECOVERY.md'));
    writeFileSync(join(place, 'RECOVERY.md'), page.toString().replace('cat ', 'cat  '));
    expect(() => sh(line, place)).toThrow();
  });
});
