import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findProgram } from '../../src/programs.ts';

/** CI names the programs whose tests must not be skipped: there a missing one is a failure. */
const required = new Set((process.env.RUNNER_TEST_REQUIRE ?? '').split(/\s+/).filter(Boolean));

/** Where `test/services.sh` puts what no package of the system has. */
export const servers = process.env.RUNNER_TEST_SERVERS ?? '/opt/runner-test';
const folders = ['bin', 'azurite/node_modules/.bin', 'moto/bin'].map((folder) => join(servers, folder));

/** PATH, and behind it the folders of the servers that the tests brought along. */
export const programPath = [process.env.PATH ?? '', ...folders].join(delimiter);

/** The absolute path of a program on PATH or among the tests' own servers; null where it is not installed. */
export function programAt(name: string): string | null {
  return findProgram(name, { PATH: programPath });
}

/** Tells what a test is skipped for, and fails where CI says that it may not be. */
export function able(answer: boolean, what: string): boolean {
  if (answer) return true;
  if (what.split(', ').some((name) => required.has(name)))
    throw new Error(`tests may not be skipped here for want of ${what}`);
  process.stderr.write(`skipped: ${what} is not to be had here\n`);
  return false;
}

/** Whether all of these programs are installed. Says which are not, since tests are skipped for it. */
export function has(...programs: string[]): boolean {
  const missing = programs.filter((name) => programAt(name) === null);
  return able(missing.length === 0, missing.join(', '));
}

/** Whether a small file system can be mounted: only root can, and not in every container. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'runner-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'runner-test', folder]).status === 0;
  if (mounted) spawnSync('umount', [folder]);
  rmdirSync(folder);
  return able(mounted, 'mount');
}

/** Whether the tests run as root, who may read and write everything. */
export const isRoot = process.getuid?.() === 0;
