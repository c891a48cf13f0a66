/** Takes an artifact apart while it comes: each file of the archive a blob, what is between them blobs too. */
import type { Importer, TreeFile } from './import.ts';
import { shownPath } from './names.ts';
import { SecretScan, type Suspicion, secretInName } from './secrets/scan.ts';
import { expanded, largestSparse } from './sparse.ts';
import { type Member, TarReader } from './tar.ts';

/** What is no content of a file is put together up to this length. */
const longestFrame = 4 * 1024 * 1024;
const mostSuspicions = 200;

type Open = { member: Member; path: string; scan: SecretScan | null; mark: number | null; kept: Buffer[] | null };

export type IntakeOptions = {
  /** What it is called where it is no archive. */
  name: string;
  /** Paths whose files are not looked through. */
  allowed(path: string): boolean;
  /** Paths that may not be there at all. */
  unwanted(path: string): boolean;
};

export class Intake {
  /** Marks of the blobs that are the artifact, one after another. */
  readonly pieces: number[] = [];
  readonly files = new Map<string, TreeFile>();
  readonly suspicions: Suspicion[] = [];
  readonly refused: string[] = [];
  size = 0;
  private readonly tar = new TarReader();
  private readonly blobs = new Map<string, TreeFile>();
  private frame: Buffer[] = [];
  private framed = 0;
  private open: Open | null = null;
  private readonly whole: SecretScan;

  constructor(
    private readonly importer: Importer,
    private readonly options: IntakeOptions,
  ) {
    this.whole = new SecretScan(options.name);
  }

  async take(chunk: Buffer): Promise<void> {
    this.size += chunk.length;
    for (const part of this.tar.read(chunk)) await this.handle(part);
  }

  /** Why it is no whole archive, though it began as one; null where it is whole, or none. */
  async finish(): Promise<string | null> {
    for (const part of this.tar.finish()) await this.handle(part);
    if (this.tar.cut) return this.tar.cut;
    await this.flush();
    if (this.pieces.length === 0) this.pieces.push(await this.importer.blob(Buffer.alloc(0)));
    this.suspect(this.whole.end(this.tar.isTar ? 0 : this.size));
    return null;
  }

  private async handle(
    part: ReturnType<TarReader['read']> extends Generator<infer Event> ? Event : never,
  ): Promise<void> {
    if (part.event === 'frame') return await this.takeFrame(part.bytes);
    if (part.event === 'member') return await this.begin(part.member);
    if (part.event === 'content') return await this.content(part.bytes);
    await this.end();
  }

  private async takeFrame(bytes: Buffer): Promise<void> {
    if (!this.tar.isTar) this.whole.take(bytes);
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + longestFrame - this.framed);
      // The memory of a batch is used again by who handed it over.
      this.frame.push(Buffer.from(part));
      this.framed += part.length;
      at += part.length;
      if (this.framed >= longestFrame) await this.flush();
    }
  }

  private async flush(): Promise<void> {
    if (this.framed === 0) return;
    const bytes = Buffer.concat(this.frame);
    this.frame = [];
    this.framed = 0;
    this.pieces.push(await this.importer.blob(bytes));
  }

  private async begin(member: Member): Promise<void> {
    const path = readable(member.path);
    const isFile = member.kind === 'file';
    if (this.options.unwanted(path)) this.refused.push(path);
    const named = secretInName(path);
    if (named && !this.options.allowed(path))
      this.suspect([{ path: hidden(path), line: 0, kind: `${named} in its name` }]);
    const isKept = member.sparse !== null && Math.max(member.size, member.sparse) <= largestSparse;
    const scan = isFile && !this.options.allowed(path) ? new SecretScan(path) : null;
    let mark: number | null = null;
    if (member.size > 0) {
      await this.flush();
      mark = await this.importer.begin(member.size);
    }
    this.open = { member, path, scan, mark, kept: isKept ? [] : null };
  }

  private async content(bytes: Buffer): Promise<void> {
    await this.importer.write(bytes);
    const { scan, kept } = this.open!;
    if (kept) kept.push(Buffer.from(bytes));
    else scan?.take(bytes);
  }

  private async end(): Promise<void> {
    const { member, scan, mark, kept } = this.open!;
    this.open = null;
    if (mark !== null) {
      await this.importer.end();
      this.pieces.push(mark);
    }
    const whole = kept ? expanded(Buffer.concat(kept), member.sparse!) : null;
    if (whole) scan?.take(whole);
    this.suspect(scan?.end(member.size) ?? []);
    await this.show(member, mark, whole);
  }

  /** What can be seen of it in the tree of the branch. Folders show by what is in them. */
  private async show(member: Member, mark: number | null, whole: Buffer | null): Promise<void> {
    const path = shownPath(member.path);
    if (path === null || member.kind === 'other') return;
    if (member.kind === 'hard-link') {
      const same = this.blobs.get(member.target);
      if (same) this.files.set(path, same);
      return;
    }
    if (member.kind === 'symlink') {
      this.files.set(path, { mark: await this.importer.blob(Buffer.from(member.target, 'latin1')), mode: '120000' });
      return;
    }
    if (member.sparse !== null && !whole) return;
    const plain = whole ? await this.importer.blob(whole) : (mark ?? (await this.importer.blob(Buffer.alloc(0))));
    const file: TreeFile = { mark: plain, mode: member.executable ? '100755' : '100644' };
    this.files.set(path, file);
    this.blobs.set(member.path, file);
  }

  private suspect(found: readonly Suspicion[]): void {
    this.suspicions.push(...found.slice(0, mostSuspicions - this.suspicions.length));
  }
}

const readable = (path: string): string =>
  Buffer.from(path, 'latin1')
    .toString('utf8')
    .replace(/^(?:\.?\/+)+/, '');

/** A name that is a secret itself is not told. */
const hidden = (path: string): string => path.replace(/[^/]+$/, '(a file)');
