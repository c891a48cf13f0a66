import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';
import { patiently } from './patience.ts';
import { tarHeader } from './tar-header.ts';

const bufferBytes = 1024 * 1024;
const blockBytes = 512;
/** Milliseconds between two looks at what is finished. */
const glance = 50;

/**
 * `follow FOLDER -- PROGRAM ...`: runs a program that fills a folder of this directory with files, each written once, and hands them
 * on as a tar stream while it goes on with the next. What is handed on leaves the folder. A program that fails fails this one.
 */
export async function follow(args: string[]): Promise<void> {
  const [folder, dashes, program, ...rest] = args;
  if (!folder || dashes !== '--' || !program) throw new Failure('wants a folder, -- and a program with its arguments');
  const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'inherit'] });
  let how: string | null = null;
  const ended = new Promise<void>((done) => {
    child.on('error', ({ message }) => {
      how = message;
      done();
    });
    child.on('exit', (code, signal) => {
      how ??= code === 0 ? '' : `${program} ended with ${signal ?? `exit code ${code}`}`;
      done();
    });
  });
  const archive = new Archive(folder);
  while (how === null) {
    await Promise.race([ended, sleep(glance)]);
    if (how === null) for (const name of finished(folder, child)) archive.add(name);
  }
  if (how !== '') throw new Failure(how);
  for (const name of readdirSync(folder).sort()) archive.add(name);
  archive.end();
}

/**
 * Files that the program closed while it still runs: they are there, and none of its processes has them open. None where the
 * system does not say what a process has open. The small ones that tell of the others may be opened again.
 */
function finished(folder: string, { pid }: ChildProcess): string[] {
  try {
    const names = readdirSync(folder).filter((name) => /^\d+\.dat$/.test(name));
    if (names.length === 0) return [];
    const open = new Set(family(pid!).flatMap(openFiles));
    return names.filter((name) => !open.has(resolve(folder, name)));
  } catch {
    return [];
  }
}

function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => family(Number(child))))];
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch (error) {
      // It was closed since the folder was read.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  });
}

/** Written without Node's streams: it only passes bytes on. */
class Archive {
  private readonly buffer = Buffer.alloc(bufferBytes);

  constructor(private readonly folder: string) {
    write(tarHeader(`${folder}/`, { type: 'directory', size: 0, mtime: new Date() }));
  }

  /** Hands a file on and removes it. */
  add(name: string): void {
    const path = join(this.folder, name);
    const fd = openSync(path, 'r');
    try {
      const { size, mtime } = fstatSync(fd);
      write(tarHeader(path, { type: 'file', size, mtime }));
      let left = size;
      while (left > 0) {
        const bytes = readSync(fd, this.buffer, 0, Math.min(left, bufferBytes), null);
        if (bytes === 0) throw new Failure(`${path} shrank while it was read`);
        write(this.buffer.subarray(0, bytes));
        left -= bytes;
      }
      write(Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes));
    } finally {
      closeSync(fd);
    }
    rmSync(path);
  }

  end(): void {
    write(Buffer.alloc(2 * blockBytes));
  }
}

function write(data: Buffer): void {
  for (let rest = data; rest.length > 0; ) rest = rest.subarray(patiently(() => writeSync(1, rest)));
}
