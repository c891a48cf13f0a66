/** A bad line to a store in memory, so that the suite's checks of the network are tried on broken drivers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../fakes/fault-proxy.ts';

export class MemoryLine {
  fault: Fault | null = null;
  /** How many answers are still refusals. */
  storm = 0;
  private passed = 0;

  set(fault: Fault | null): void {
    this.fault = fault;
    this.passed = 0;
  }

  /** Bytes on their way to the store. */
  async sent(bytes: number): Promise<void> {
    if (this.fault?.direction === 'down') return;
    await this.slowly();
    if (this.room(bytes) < bytes) throw new Error('The line was cut while sending.');
  }

  /** What arrives of an answer's body. */
  async received(bytes: Buffer): Promise<Buffer> {
    if (this.fault?.direction === 'up') return bytes;
    await this.slowly();
    return bytes.subarray(0, this.room(bytes.length));
  }

  /** Any answer at all. A refusal is asked again as often as a driver does. */
  async answered(): Promise<void> {
    if (this.fault?.act === 'stall') await this.silence();
    for (let left = this.retries; this.storm > 0; left -= 1) {
      this.storm -= 1;
      if (left === 0) throw new Error('The store refuses for the moment (503).');
    }
  }

  protected retries = 3;

  protected async silence(): Promise<void> {
    await sleep(20);
    throw new Error('The store has said nothing for 20 ms.');
  }

  protected async slowly(): Promise<void> {
    if (this.fault?.act === 'slow') await sleep(1);
  }

  private room(bytes: number): number {
    if (this.fault === null || this.fault.act === 'slow') return bytes;
    const room = Math.max(0, Math.min(bytes, (this.fault.after ?? 0) - this.passed));
    this.passed += bytes;
    return room;
  }
}
