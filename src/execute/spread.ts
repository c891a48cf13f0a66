import { RunnerError } from '../diagnostic.ts';
import { formatDuration } from '../units.ts';
import { type Lane, laneOf, type NamedSink } from './lane.ts';
import { batchBytes, within } from './pump.ts';
import { Ring } from './ring.ts';

export type SpreadOptions = {
  /** Seconds without progress after which a sink is out. */
  stall: number;
  /** A slow sink is not dropped when fewer than these would be left. */
  atLeast: number;
  /** Called with bytes that every sink that is still in has taken. */
  onBytes(bytes: number): void;
};

export type Dropped = { name: string; error: Error };

const mebibyte = 1024 * 1024;
/** How far the fastest sink may be before the slowest. */
const ringBytes = 64 * mebibyte;
/** What a sink that is behind is handed at a time. */
const handful = mebibyte / batchBytes;
/** An abort that hangs must not hold up the copies that are well. */
const abortSeconds = 10;
/** How long what a slow sink is taking may still take before it is aborted. */
const settleSeconds = 2;

/**
 * Hands batches to several sinks, each at its own pace. More is read as soon as the fastest has taken all there is, so that while
 * they keep up with each other batches are still in the processor's cache when they are written; the ring between the fastest
 * and the slowest bounds the memory, and where it is full all wait for the slowest. Memory is never used twice: what a sink
 * that was dropped still reads is not overwritten.
 */
export class Spread {
  readonly failed: Dropped[] = [];
  private readonly ring = new Ring({ bytes: ringBytes, batches: ringBytes / batchBytes });
  private lanes: Lane[];
  private readonly aborts: Promise<void>[] = [];
  private readonly clock: NodeJS.Timeout;
  private ended = false;
  private stopped = false;
  /** Who alone holds the others up, and since when (ms). */
  private brake: { lane: Lane; since: number } | null = null;
  private waiting: { resolve(): void; reject(error: Error): void } | null = null;

  constructor(
    sinks: readonly NamedSink[],
    private readonly options: SpreadOptions,
  ) {
    this.lanes = sinks.map(laneOf);
    const shortest = Math.min(5, options.stall, ...sinks.map(({ dropAfter = 5 }) => dropAfter));
    this.clock = setInterval(() => this.look(), shortest * 200);
  }

  /** Takes a batch over; resolves when more is wanted. Rejects when no sink is left. */
  take(batch: Uint8Array[]): Promise<void> {
    this.ring.push(batch);
    return this.turned();
  }

  /** Resolves when every sink that is still in has taken everything. Rejects when none is left. */
  async finish(): Promise<void> {
    this.ended = true;
    await this.turned();
    await this.close();
  }

  /** Nothing more is handed out; waits a little for what is on its way, so that nobody writes behind an abort. */
  async stop(): Promise<void> {
    this.stopped = true;
    await within(settleSeconds, Promise.all(this.lanes.map(({ busy }) => busy?.done)));
    await this.close();
  }

  private async close(): Promise<void> {
    clearInterval(this.clock);
    await Promise.all(this.aborts);
  }

  private turned(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.turn();
    });
  }

  /** After everything that changes: hands out what is there, lets go what all have taken, answers who waits. */
  private turn(): void {
    if (this.stopped) return;
    for (const lane of this.lanes) if (!lane.busy && lane.next < this.ring.end) this.hand(lane);
    const released = this.ring.release(Math.min(this.ring.end, ...this.lanes.map(({ next }) => next)));
    if (released > 0) this.options.onBytes(released);
    this.setBrake();
    const { waiting } = this;
    if (!waiting) return;
    if (this.lanes.length === 0 && this.failed.length > 0) {
      this.waiting = null;
      // Before the stream is given up: its producer would complain of a broken pipe meanwhile, and be blamed.
      void Promise.all(this.aborts).then(() => waiting.reject(noneLeft(this.failed)));
    } else if (this.ended ? this.ring.bytes === 0 && !this.isBusy() : this.wantsMore()) {
      this.waiting = null;
      waiting.resolve();
    }
  }

  private isBusy(): boolean {
    return this.lanes.some(({ busy }) => busy !== null);
  }

  private wantsMore(): boolean {
    return !this.ring.isFull && (this.lanes.length === 0 || this.lanes.some(({ busy }) => busy === null));
  }

  private hand(lane: Lane): void {
    const { chunks, batches } = this.ring.from(lane.next, handful);
    const done = lane.sink.write(chunks).then(
      () => {
        lane.busy = null;
        lane.next += batches;
        this.turn();
      },
      (error: unknown) => this.drop(lane, error instanceof Error ? error : new Error(String(error))),
    );
    lane.busy = { done, since: performance.now() };
  }

  /** What holds the others up is a full ring, or the end, when all but one have let go its oldest batch. */
  private setBrake(): void {
    const now = performance.now();
    if (this.brake) this.brake.lane.heldUp += now - this.brake.since;
    const waits = this.lanes.length > 1 && (this.ring.isFull || (this.ended && this.ring.bytes > 0));
    const last = waits ? this.lanes.filter(({ next }) => next === this.ring.start) : [];
    this.brake = last.length === 1 ? { lane: last[0]!, since: now } : null;
  }

  /** Now and then: who is stuck, and who has held the others up for too long. */
  private look(): void {
    const now = performance.now();
    const { stall, atLeast } = this.options;
    for (const lane of this.lanes) {
      if (lane.busy && now - lane.busy.since > stall * 1000)
        this.drop(lane, new RunnerError(`Destination "${lane.name}" took no more data for ${stall} s.`));
    }
    this.setBrake();
    const slow = this.brake?.lane;
    if (!slow || slow.dropAfter === undefined || slow.heldUp <= slow.dropAfter * 1000) return;
    if (this.lanes.length - 1 >= Math.max(1, atLeast))
      this.drop(slow, tooSlow(slow.name, slow.dropAfter), slow.busy?.done);
  }

  /** `settling`: what it is still taking, which it may end before it is aborted. */
  private drop(lane: Lane, error: Error, settling: Promise<void> | null = null): void {
    if (!this.lanes.includes(lane)) return;
    this.lanes = this.lanes.filter((other) => other !== lane);
    this.failed.push({ name: lane.name, error });
    this.aborts.push(within(settleSeconds, settling).then(() => within(abortSeconds, lane.sink.abort())));
    this.turn();
  }
}

function tooSlow(name: string, dropAfter: number): RunnerError {
  const limit = formatDuration(dropAfter);
  return new RunnerError(
    `Destination "${name}" was left out: it held up the others for ${limit} (slow: drop-after); the next run copies what is missing there.`,
  );
}

function noneLeft(failed: readonly Dropped[]): Error {
  const [only] = failed;
  if (failed.length === 1 && only !== undefined) return only.error;
  const reasons = failed.map(({ name, error }) => `"${name}": ${error.message}`).join('; ');
  return new RunnerError(`No destination is left to write to. ${reasons}`);
}
