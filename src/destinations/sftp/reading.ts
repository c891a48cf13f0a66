/** Reading a file with many requests under way: the line is full while the first answer still travels. */
import { RunnerError } from '../../diagnostic.ts';
import type { Files, Handle } from './files.ts';

/** Reads under way for one file, as many as those of `sftp`; with the largest block it is 16 MiB. With 16 of them a read took 1.3 times as long. */
const depth = 64;

type Asked = { offset: number; length: number; answer: Promise<Buffer | null> };

/** The bytes from `start` to `end` (exclusive), in order. Throws when the file ends before. */
export async function* readAhead(files: Files, handle: Handle, start: number, end: number): AsyncGenerator<Buffer> {
  const ahead: Asked[] = [];
  const ask = (offset: number, length: number): Asked => {
    const answer = files.read(handle, offset, length);
    // Who stops reading does not hear of those that are still under way.
    answer.catch(() => {});
    return { offset, length, answer };
  };
  for (let next = start; ; ) {
    for (; ahead.length < depth && next < end; next = ahead.at(-1)!.offset + ahead.at(-1)!.length)
      ahead.push(ask(next, Math.min(files.limits.read, end - next)));
    const first = ahead.shift();
    if (!first) return;
    const bytes = await first.answer;
    if (bytes === null || bytes.length === 0)
      throw new RunnerError(`it ends after ${first.offset} bytes, and the server had said that it has ${end}`);
    yield bytes;
    // A server may give less than it was asked for.
    if (bytes.length < first.length) ahead.unshift(ask(first.offset + bytes.length, first.length - bytes.length));
  }
}
