/** Batches on their way to several sinks, the oldest first. What every sink has taken is let go. */
export class Ring {
  /** Number of the batch that comes next; the first was 0. */
  end = 0;
  /** Bytes that are held. */
  bytes = 0;
  private readonly batches: { chunks: Uint8Array[]; bytes: number }[] = [];

  constructor(private readonly most: { bytes: number; batches: number }) {}

  /** Number of the oldest batch that is held. */
  get start(): number {
    return this.end - this.batches.length;
  }

  get isFull(): boolean {
    return this.bytes >= this.most.bytes || this.batches.length >= this.most.batches;
  }

  push(chunks: Uint8Array[]): void {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.batches.push({ chunks, bytes });
    this.bytes += bytes;
    this.end += 1;
  }

  /** Up to `most` batches from this number on, as one. */
  from(number: number, most: number): { chunks: readonly Uint8Array[]; batches: number } {
    const first = number - this.start;
    const taken = this.batches.slice(first, first + most);
    const [only] = taken;
    return { chunks: taken.length === 1 ? only!.chunks : taken.flatMap(({ chunks }) => chunks), batches: taken.length };
  }

  /** Lets go what is older than this number; the bytes of it. */
  release(number: number): number {
    let released = 0;
    for (const { bytes } of this.batches.splice(0, Math.max(0, number - this.start))) released += bytes;
    this.bytes -= released;
    return released;
  }
}
