/** What a program fills a folder with is archived while it still writes; GNU tar reads it back. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tarHeader } from '../../../src/builtin/tar-header.ts';

const builtin = resolve(import.meta.dirname, '../../../dist/builtin.js');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'runner-follow-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a script of the shell that fills the folder `dump`. */
function follow(script: string) {
  const argv = ['--', builtin, 'follow', 'dump', '--', 'sh', '-c', script];
  const child = spawn(process.execPath, argv, { cwd: directory });
  const chunks: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<{ status: number | null; bytes: Buffer; stderr: string }>((done) => {
    child.on('close', (status) => done({ status, bytes: Buffer.concat(chunks), stderr }));
  });
  return { ended };
}

function unpacked(bytes: Buffer): Record<string, string> {
  const into = mkdtempSync(join(directory, 'unpacked-'));
  const { status, stderr } = spawnSync('tar', ['-x', '-f', '-', '-C', into], { input: bytes });
  expect(status, String(stderr)).toBe(0);
  const folder = join(into, 'dump');
  return Object.fromEntries(
    readdirSync(folder).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

const sum = (text: string) => createHash('sha256').update(text).digest('hex');

describe('follow', () => {
  it('archives every file of a folder, also empty ones and those of odd sizes', async () => {
    const sizes = [0, 1, 511, 512, 513, 1_048_576, 3_000_001];
    const files = sizes.map((size, index) => `head -c ${size} /dev/zero | tr '\\0' x > dump/${index}.dat`);
    const { status, bytes } = await follow(`mkdir dump; ${files.join('; ')}; echo toc > dump/toc.dat`).ended;
    expect(status).toBe(0);
    const wanted = sizes.map((size, index) => [`${index}.dat`, sum('x'.repeat(size))]);
    expect(unpacked(bytes)).toEqual(Object.fromEntries([...wanted, ['toc.dat', sum('toc\n')]]));
  });

  it.skipIf(!existsSync('/proc/self/task'))('hands on what is finished while another file is open', async () => {
    const script = `mkdir dump; echo one > dump/1.dat; exec 3> dump/2.dat; echo half >&3; while [ -e dump/1.dat ]; do sleep 0.02; done; sleep 0.3; echo whole >&3`;
    // The script ends only because the first file leaves the folder; the one that is written stays until it is whole.
    const { status, bytes } = await follow(script).ended;
    expect(status).toBe(0);
    expect(unpacked(bytes)).toEqual({ '1.dat': sum('one\n'), '2.dat': sum('half\nwhole\n') });
  });

  it('sees what a child of the program has open', async () => {
    const child = `(exec 4> dump/7.dat; echo begin >&4; sleep 0.4; echo end >&4) & wait`;
    const { status, bytes } = await follow(`mkdir dump; ${child}`).ended;
    expect(status).toBe(0);
    expect(unpacked(bytes)).toEqual({ '7.dat': sum('begin\nend\n') });
  });

  it.each([
    [
      'exits 3',
      'mkdir dump; echo x > dump/1.dat; sleep 0.2; echo "no more room" >&2; exit 3',
      /no more room\s[\s\S]*sh ended with exit code 3/,
    ],
    ['is killed', 'mkdir dump; echo x > dump/1.dat; kill -9 $$', /sh ended with SIGKILL/],
  ])('fails with a program that %s, and the archive has no end', async (_how, script, said) => {
    const { status, bytes, stderr } = await follow(script).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(said);
    expect(bytes.subarray(-1024).every((byte) => byte === 0)).toBe(false);
  });

  it('fails where the program cannot be started', async () => {
    const argv = ['--', builtin, 'follow', 'dump', '--', '/no/such/program'];
    const { status, stderr } = spawnSync(process.execPath, argv, { cwd: directory, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/ENOENT/);
  });

  it('writes sizes that GNU tar reads, also above 8 GiB', () => {
    for (const size of [0, 8 ** 11 - 1, 8 ** 11, 2 ** 40 + 5]) {
      const header = tarHeader('dump/1.dat', { type: 'file', size, mtime: new Date('2026-11-21T12:00:00Z') });
      const { stdout } = spawnSync('tar', ['-t', '-v', '--utc', '--full-time', '-f', '-'], {
        input: header,
        encoding: 'utf8',
      });
      expect(stdout).toMatch(new RegExp(`-rw------- 0/0 +${size} 2026-11-21 12:00:00 dump/1\\.dat`));
    }
  });
});
