/**
 * What a program that runs elsewhere prints, between the marks of src/execute/remote-script.ts. `\nrunner-end 1 NONCE STATUS\n`
 * has 64 bytes and is the last that comes; without it the stream was cut.
 */

/**
 * Without `status` the end never came. `bytes` of the program's own output; `said` is
 * what came instead of its begin.
 */
export type Report = { begun: boolean; status?: number; word?: string; bytes: number; said?: string };

const markBytes = 64;
/** What a login shell may print before the stream begins. */
const noiseBytes = 256 * 1024;

/**
 * Takes what arrives and gives back what the program printed. Holds the last 64 bytes back; with `live` only what may be the
 * begin of the end mark, and the line feed before that mark is then given out.
 */
export class EndMarker {
  private held: Buffer = Buffer.alloc(0);
  /** The first line has come. */
  isBegun = false;
  private bytes = 0;
  private readonly begin: Buffer;
  private readonly end: Buffer;

  constructor(
    nonce: string,
    private readonly live = false,
  ) {
    this.begin = Buffer.from(`runner-begin 1 ${nonce}\n`);
    this.end = Buffer.from(`${live ? '' : '\n'}runner-end 1 ${nonce} `);
  }

  take(chunk: Buffer): Buffer {
    let data = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    if (!this.isBegun) {
      const rest = this.begun(data);
      if (rest === null) return Buffer.alloc(0);
      data = rest;
    }
    const keep = this.live ? this.possible(data) : Math.min(data.length, markBytes);
    // The memory of what arrives is used again by whoever read it.
    this.held = Buffer.from(data.subarray(data.length - keep));
    const out = data.subarray(0, data.length - keep);
    this.bytes += out.length;
    return out;
  }

  /** What is held back, for one who goes on by himself and then calls `resume`. */
  release(): Buffer {
    return this.held;
  }

  /** `held` is held back now, and so many bytes were passed on since. */
  resume(held: Buffer, passed: number): void {
    if (this.isBegun) this.held = held;
    this.bytes += passed;
  }

  /** Nothing more will come. What was held back and is no mark is the end of a stream that was cut. */
  finish(): Report {
    const { bytes, held } = this;
    if (!this.isBegun) return { begun: false, bytes: 0, said: held.subarray(-1000).toString() };
    const expected = this.live ? markBytes - 1 : markBytes;
    const field = held.subarray(this.end.length).toString('latin1');
    const match = /^(\d{1,3})(?: ([a-z]+))?\.*\n$/.exec(field);
    if (held.length !== expected || !held.subarray(0, this.end.length).equals(this.end) || !match)
      return { begun: true, bytes };
    const [, status, word] = match;
    return { begun: true, bytes, status: Number(status), ...(word === undefined ? {} : { word }) };
  }

  /** What follows the first line of the stream; null while it has not come. */
  private begun(data: Buffer): Buffer | null {
    const at = data.indexOf(this.begin);
    if (at === -1) {
      this.held = Buffer.from(data.subarray(-noiseBytes));
      return null;
    }
    this.isBegun = true;
    this.held = Buffer.alloc(0);
    return data.subarray(at + this.begin.length);
  }

  /** How many bytes at the end may be the begin of the mark, or all of it. */
  private possible(data: Buffer): number {
    for (let length = Math.min(data.length, markBytes); length > 0; length -= 1) {
      const tail = data.subarray(data.length - length);
      const known = Math.min(length, this.end.length);
      if (tail.subarray(0, known).equals(this.end.subarray(0, known))) return length;
    }
    return 0;
  }
}
