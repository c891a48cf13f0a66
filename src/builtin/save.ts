import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Failure } from './failure.ts';

/** Writes standard input to a new file that only its owner may read: for programs that take secrets from files only. */
export async function save([path]: string[]): Promise<void> {
  if (!path) throw new Failure('wants the path of a file');
  await pipeline(process.stdin, createWriteStream(path, { mode: 0o600, flags: 'wx' }));
}
