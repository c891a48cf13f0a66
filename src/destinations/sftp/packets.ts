/** Cuts what a server sends into its packets. */

/** A listing or a block of data is a quarter of it at most; a longer one is no SFTP at all. */
const longest = 1024 * 1024;

/** Called with the body of each packet, from its type on. Throws NotSftp. */
export class Packets {
  private readonly length = Buffer.allocUnsafe(4);
  private body: Buffer | null = null;
  /** How much of the length, then of the body, is there. */
  private filled = 0;

  constructor(private readonly take: (body: Buffer) => void) {}

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const target = this.body ?? this.length;
      const copied = chunk.copy(target, this.filled, at);
      at += copied;
      this.filled += copied;
      if (this.filled < target.length) return;
      this.filled = 0;
      if (this.body === null) this.body = this.begin();
      else {
        const { body } = this;
        this.body = null;
        this.take(body);
      }
    }
  }

  private begin(): Buffer {
    const length = this.length.readUInt32BE();
    if (length < 1 || length > longest) throw new NotSftp(this.length.toString('latin1'));
    return Buffer.allocUnsafe(length);
  }
}

/** What came is no packet: most often the text that an account's shell prints when it starts. */
export class NotSftp extends Error {
  override readonly name = 'NotSftp';

  constructor(readonly beginning: string) {
    super('what the server sends is no SFTP');
  }
}
