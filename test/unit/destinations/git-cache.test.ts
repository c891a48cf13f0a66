import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCache } from '../../../src/destinations/git/cache.ts';
import { Git } from '../../../src/destinations/git/program.ts';
import { has } from '../../helpers/programs.ts';
import { temporaryDirectory } from '../../helpers/runner.ts';

describe.skipIf(!has('git'))('the cache of a Git destination', () => {
  let place: ReturnType<typeof temporaryDirectory>;
  let cache: string;
  const open = () => openCache('forge', new Git(cache, { PATH: process.env.PATH!, LC_ALL: 'C' }));
  const store = (text: string) =>
    execFileSync('git', ['--git-dir', cache, 'hash-object', '-w', '--stdin'], { input: text, encoding: 'utf8' }).trim();

  const stored = (object: string) => execFileSync('git', ['--git-dir', cache, 'cat-file', '-p', object]).toString();

  beforeEach(() => {
    place = temporaryDirectory();
    cache = join(place.path, 'git', 'abc');
  });
  afterEach(() => place.remove());

  it('is made once by many that begin at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      cache = join(place.path, 'git', `c${round}`);
      await Promise.all(Array.from({ length: 12 }, open));
      store('usable');
    }
    expect(readdirSync(join(place.path, 'git')).sort()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
  });

  it('is used with the lock of its configuration held, as a killed Git leaves it', async () => {
    await open();
    const object = store('kept');
    writeFileSync(join(cache, 'config.lock'), '');
    await open();
    expect(stored(object)).toBe('kept');
  });

  it('gets back what a cleaner of old files took, and keeps the rest', async () => {
    await open();
    const object = store('kept');
    for (const folder of ['refs/heads', 'refs/tags', 'refs']) rmdirSync(join(cache, folder));
    await open();
    expect(stored(object)).toBe('kept');
  });

  it('sweeps what another never finished, once it is old', async () => {
    const [old, young] = [`${cache}.1-aa`, `${cache}.1-bb`];
    for (const path of [old, young]) mkdirSync(path, { recursive: true });
    const before = Date.now() / 1000 - 2 * 86_400;
    utimesSync(old, before, before);
    await open();
    expect(readdirSync(join(place.path, 'git')).sort()).toEqual(['abc', 'abc.1-bb']);
  });

  it('is made in its place where nothing can be made beside it', async () => {
    cache = join(place.path, 'git', 'c'.repeat(245));
    await open();
    store('usable');
  });

  it('says which folder to delete when Git only believes that it has put it right', async () => {
    await open();
    writeFileSync(join(cache, 'HEAD'), '');
    await expect(open()).rejects.toThrow(/cannot make a repository in .*; a part of it is broken; .*: delete it\.$/s);
  });

  it.skipIf(process.getuid?.() === 0)('needs nothing of the folder that it lies in once it is there', async () => {
    await open();
    const above = join(place.path, 'git');
    chmodSync(above, 0o100);
    try {
      await open();
    } finally {
      chmodSync(above, 0o700);
    }
  });

  it('says which folder to delete when nothing can be made of it', async () => {
    mkdirSync(cache, { recursive: true });
    for (const file of ['HEAD', 'refs', 'objects']) writeFileSync(join(cache, file), 'no repository');
    await expect(open()).rejects.toThrow(
      /Destination forge: cannot make a repository in .*\/git\/abc: .*: delete it\.$/s,
    );
    expect(readFileSync(join(cache, 'HEAD'), 'utf8')).toBe('no repository');
    expect(readdirSync(join(place.path, 'git'))).toEqual(['abc']);
  });
});
