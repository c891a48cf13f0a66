/** Writes blobs into a repository while they come, by one long-lived `git fast-import`. */
import { quotedPath } from './names.ts';
import type { Git, GitProcess } from './program.ts';

/** A file of a tree: which blob it is, and how. */
export type TreeFile = { mark: number; mode: '100644' | '100755' | '120000' };

/** Bytes up to which a write waits for others. */
const small = 64 * 1024;

export class Importer {
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private marks = 0;
  private failed: Error | null = null;
  private stderr = '';

  private constructor(
    private readonly git: Git,
    private readonly child: GitProcess,
  ) {
    child.stdin.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-4000);
    });
    child.stdout.resume();
    void child.done.then((result) => {
      if (result.failed) this.failed ??= new Error(`git fast-import failed in ${git.directory}: ${this.stderr.trim()}`);
    });
  }

  static async start(git: Git): Promise<Importer> {
    const words = ['-c', 'fastimport.unpackLimit=0', 'fast-import', '--force', '--quiet', '--done'];
    return new Importer(git, await git.start(words));
  }

  /** A blob of so many bytes, which must follow by `write`; then `end` it. Its mark. */
  async begin(size: number): Promise<number> {
    this.marks += 1;
    await this.write(`blob\nmark :${this.marks}\ndata ${size}\n`);
    return this.marks;
  }

  async end(): Promise<void> {
    await this.write('\n');
  }

  async blob(bytes: Uint8Array): Promise<number> {
    const mark = await this.begin(bytes.length);
    await this.write(bytes);
    await this.end();
    return mark;
  }

  /** Resolves when the memory may be used again. Small ones are put together. */
  async write(bytes: Uint8Array | string): Promise<void> {
    const given = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (given.length < small) {
      this.waiting.push(typeof bytes === 'string' ? given : Buffer.from(given));
      this.waitingBytes += given.length;
      if (this.waitingBytes >= small) await this.flush();
      return;
    }
    await this.flush();
    await this.send(given);
  }

  private async flush(): Promise<void> {
    const all = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    if (all.length > 0) await this.send(all);
  }

  private async send(bytes: Uint8Array): Promise<void> {
    if (this.failed) throw this.failed;
    const written = new Promise<void>((done) => this.child.stdin.write(bytes, () => done()));
    await Promise.race([written, this.child.done]);
    if (this.failed) throw this.failed;
  }

  /** Makes one tree of the pieces in their order (`pieces/0000/0000`) and of the files (`files/PATH`); gives its id. */
  async finish(pieces: readonly number[], files: ReadonlyMap<string, TreeFile>): Promise<string> {
    await this.write('commit refs/heads/attempt\ncommitter runner <runner@localhost> 0 +0000\ndata 0\n');
    for (const [index, mark] of pieces.entries()) {
      const name = String(index).padStart(8, '0');
      await this.write(`M 100644 :${mark} pieces/${name.slice(0, 4)}/${name.slice(4)}\n`);
    }
    for (const [path, { mark, mode }] of files) await this.write(`M ${mode} :${mark} ${quotedPath(`files/${path}`)}\n`);
    await this.write('done\n');
    await this.flush();
    this.child.stdin.end();
    await this.child.done;
    if (this.failed) throw this.failed;
    const tree = await this.git.line(['rev-parse', '--verify', 'refs/heads/attempt^{tree}']);
    if (!tree) throw new Error(`git fast-import made no tree in ${this.git.directory}`);
    return tree;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.done;
  }
}
