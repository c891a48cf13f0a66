import type { Tail } from '../recipe.ts';

/** Counts a plain stream and keeps as much of its end as the end marker needs. */
export class TailWindow {
  size = 0;
  private chunks: Buffer[] = [];
  private kept = 0;
  private readonly window: number;

  constructor(private readonly tail: Tail | undefined) {
    this.window = tail === undefined ? 0 : 'zeros' in tail ? tail.zeros : tail.within;
  }

  take(chunk: Buffer): void {
    this.size += chunk.length;
    if (this.window === 0) return;
    this.chunks.push(chunk);
    this.kept += chunk.length;
    for (let first = this.chunks[0]; first && this.kept - first.length >= this.window; first = this.chunks[0]) {
      this.kept -= first.length;
      this.chunks.shift();
    }
  }

  /** What is wrong with the end, as a part of a sentence; null when it is as it must be. */
  problem(): string | null {
    if (this.tail === undefined) return null;
    const end = Buffer.concat(this.chunks).subarray(-this.window);
    if ('zeros' in this.tail) {
      const whole = end.length === this.tail.zeros && end.every((byte) => byte === 0);
      return whole ? null : `it does not end with the ${this.tail.zeros} zero bytes of a whole archive`;
    }
    return end.includes(this.tail.text) ? null : `its end lacks the mark "${this.tail.text.trim()}" of a whole dump`;
  }
}
