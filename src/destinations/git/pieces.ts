/** An artifact's bytes out of the repository: its pieces, one after another, are it. */
import type { Git } from './program.ts';

type Piece = { id: string; size: number };
type Range = { start: number; end?: number };

/** The blobs that a tree holds, in order. */
export async function piecesOf(git: Git, tree: string): Promise<Piece[]> {
  const listed = (await git.bytes(['ls-tree', '-r', '-z', '-l', tree])).toString('latin1');
  return listed.split('\0').flatMap((record) => {
    const match = /^\d+ blob ([0-9a-f]+) +(\d+)\t/.exec(record);
    return match ? [{ id: match[1]!, size: Number(match[2]) }] : [];
  });
}

/** Streams the pieces, or the part of them that a range names. */
export async function* readPieces(
  git: Git,
  pieces: readonly Piece[],
  range: Range = { start: 0 },
): AsyncGenerator<Buffer> {
  const parts = cut(pieces, range);
  if (parts.length === 0) return;
  const child = await git.start(['cat-file', '--batch', '--buffer']);
  try {
    child.stdin.on('error', () => {});
    child.stderr.resume();
    child.stdin.end(parts.map(({ id }) => `${id}\n`).join(''));
    const input = new Bytes(child.stdout);
    for (const { id, size, from, to } of parts) {
      const head = await input.line();
      if (head !== `${id} blob ${size}`) throw new Error(`git gave ${JSON.stringify(head)} for the blob ${id}`);
      let at = 0;
      while (at < size) {
        const bytes = await input.some(size - at);
        const [begin, end] = [Math.max(from - at, 0), Math.min(to - at, bytes.length)];
        if (begin < end) yield bytes.subarray(begin, end);
        at += bytes.length;
      }
      await input.some(1);
    }
  } finally {
    child.kill();
    await child.done;
  }
}

type Part = Piece & { from: number; to: number };

/** What of each piece a range takes; `end` is in it. */
function cut(pieces: readonly Piece[], { start, end = Number.POSITIVE_INFINITY }: Range): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const { id, size } of pieces) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end + 1 - at, size);
    if (from < to) parts.push({ id, size, from, to });
    at += size;
  }
  return parts;
}

/** A stream, read by lines and by counts. */
class Bytes {
  private readonly chunks: AsyncIterator<Buffer>;
  private held: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.chunks = stream[Symbol.asyncIterator]();
  }

  /** At least one byte, at most so many. */
  async some(most: number): Promise<Buffer> {
    if (this.held.length === 0) await this.more();
    const bytes = this.held.subarray(0, most);
    this.held = this.held.subarray(bytes.length);
    return bytes;
  }

  async line(): Promise<string> {
    while (!this.held.includes(10)) await this.more();
    const end = this.held.indexOf(10);
    const line = this.held.toString('latin1', 0, end);
    this.held = this.held.subarray(end + 1);
    return line;
  }

  private async more(): Promise<void> {
    const { value, done } = await this.chunks.next();
    if (done) throw new Error('git ended before it gave every byte');
    this.held = this.held.length > 0 ? Buffer.concat([this.held, value]) : value;
  }
}
