import type { Expectation } from '../../graph.ts';
import { formatDuration, formatSize } from '../../units.ts';

/** What one backup came to: bytes of the artifact and seconds of the capture. */
export type Measure = { size: number; seconds: number };

/**
 * What is unusual about a backup, one sentence each; none: it is as expected. `before` are the last good ones (7 at most).
 * An anomaly is no failure: the data of that day may be all there is.
 */
export function anomaliesOf(expect: Expectation, now: Measure, before: readonly Measure[]): string[] {
  const found: string[] = [];
  const size = formatSize(now.size);
  const { minSize, maxSize, maxDuration } = expect;
  if (minSize !== undefined && now.size < minSize)
    found.push(`it is ${size}, and at least ${formatSize(minSize)} were expected`);
  if (maxSize !== undefined && now.size > maxSize)
    found.push(`it is ${size}, and at most ${formatSize(maxSize)} were expected`);
  if (maxDuration !== undefined && now.seconds > maxDuration)
    found.push(`it took ${formatDuration(now.seconds)}, and at most ${formatDuration(maxDuration)} were expected`);
  if (before.length === 0) return found;
  const usual = {
    size: median(before.map((one) => one.size)),
    seconds: median(before.map((one) => one.seconds)),
  };
  const sizes = outside(now.size / usual.size, expect.size);
  if (sizes) found.push(`it is ${size}, which is ${sizes} of the usual ${formatSize(usual.size)}`);
  const times = outside(now.seconds / usual.seconds, expect.duration);
  if (times)
    found.push(
      `it took ${formatDuration(now.seconds)}, which is ${times} of the usual ${formatDuration(usual.seconds)}`,
    );
  return found;
}

/** `12 % (at least 50 % were expected)` when a share lies outside of its bounds, else null. */
function outside(share: number, bounds: { atLeast?: number; atMost?: number } | undefined): string | null {
  if (!bounds || !Number.isFinite(share)) return null;
  const { atLeast, atMost } = bounds;
  if (atLeast !== undefined && share < atLeast) return `${percent(share)} (at least ${percent(atLeast)} were expected)`;
  if (atMost !== undefined && share > atMost) return `${percent(share)} (at most ${percent(atMost)} were expected)`;
  return null;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

/** The middle one; of an even number the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
