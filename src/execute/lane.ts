import type { Sink } from '../destination.ts';

/** `dropAfter`: seconds for which it may hold up the others altogether; absent: they wait for it. */
export type NamedSink = { name: string; sink: Sink; dropAfter?: number };

/** One sink behind the ring: how far it is, and since when. */
export type Lane = NamedSink & {
  /** Number of the first batch that it has not taken whole. */
  next: number;
  /** What it is taking, and since when (ms); null while it waits for more. */
  busy: { done: Promise<void>; since: number } | null;
  /** Milliseconds for which it alone has held the others up. */
  heldUp: number;
};

export const laneOf = (named: NamedSink): Lane => ({ ...named, next: 0, busy: null, heldUp: 0 });
