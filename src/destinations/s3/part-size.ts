/** How large the parts of an upload are: a server takes 10,000 of them, and nobody knows how long a stream will be. */

const mebibyte = 2 ** 20;
/** Parts in memory, where the plan does not say. */
export const usualConcurrency = 4;
/** What a part has where nobody wishes otherwise. */
export const usualPart = 16 * mebibyte;
/** What every server takes at most, and what an object may have at most. */
export const mostParts = 10_000;
const largestObject = 5 * 2 ** 40;
/** Until here parts stay as they are: 100 GiB of the usual ones. */
const steadyParts = 6_400;

/** What the first parts have: more where the backup before it tells that this one will be long. */
export function firstPartSize(wished: number, expected: number | null): number {
  return Math.max(wished, Math.ceil(((expected ?? 0) * 1.5) / 9_000 / mebibyte) * mebibyte);
}

/** The size of the part with this number, from 1: after the steady ones they grow, so that 10,000 hold the largest object. */
export function partSizeAt(number: number, first: number): number {
  const more = Math.max(0, number - steadyParts);
  const grown = mostParts - steadyParts;
  const slope = (2 * Math.max(0, largestObject - mostParts * first)) / grown ** 2;
  return Math.ceil((first + slope * more) / first) * first;
}

/** How many buffers of this size may be lent at once: fewer as parts grow, so that memory stays. One fills, one is on its way. */
export function buffersFor(size: number, wished: number, concurrency: number): number {
  return Math.max(2, Math.floor((Math.max(wished, usualPart) * concurrency) / size));
}
