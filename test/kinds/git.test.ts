import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type GitSpec, git } from '../../src/destinations/git/index.ts';
import { destinationContract } from '../contracts/destination.ts';
import { opening } from '../helpers/opening.ts';
import { has } from '../helpers/programs.ts';

const made: string[] = [];

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'runner-git-'));
  made.push(path);
  return path;
}

afterAll(async () => {
  for (const path of made) await rm(path, { recursive: true, force: true });
});

const shell = (path: string, ...words: string[]) => execFileSync('git', ['-C', path, ...words], { encoding: 'utf8' });

async function repository(): Promise<string> {
  const path = join(await folder(), 'repository.git');
  execFileSync('git', ['init', '-q', '--bare', '--initial-branch=main', path]);
  return path;
}

const usable = has('git', 'tar');

if (usable) {
  destinationContract('git', async () => {
    const path = await repository();
    // Two handles are two hosts: neither knows what the other has in its cache.
    let hosts = 0;
    const open = () => {
      hosts += 1;
      return git.open('forge', { repository: path, cache: join(path, '..', `host-${hosts}`) }, opening());
    };
    return { open, end: () => rm(join(path, '..'), { recursive: true, force: true }) };
  });
}
