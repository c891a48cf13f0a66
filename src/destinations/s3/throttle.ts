import { setTimeout as sleep } from 'node:timers/promises';

/** What may pass at once before anybody waits: timers are not finer. */
const grainMilliseconds = 20;

/** Lets so many bytes pass in a second, over all who ask. */
export class Throttle {
  private freeAt = 0;

  constructor(private readonly bytesPerSecond: number) {}

  /** Resolves when these bytes may go. */
  async take(bytes: number): Promise<void> {
    const now = performance.now();
    const turn = Math.max(this.freeAt, now);
    this.freeAt = turn + (bytes / this.bytesPerSecond) * 1000;
    if (turn - now > grainMilliseconds) await sleep(turn - now);
  }
}
