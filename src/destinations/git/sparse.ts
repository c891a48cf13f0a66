/** A file whose holes tar left out: its content begins with a map of what is there. */

/** Files larger than this are kept, but not shown as they are. */
export const largestSparse = 16 * 1024 * 1024;

/** The whole file again; null where the map is none. `stored` is what stands in the archive. */
export function expanded(stored: Buffer, size: number): Buffer | null {
  const numbers: number[] = [];
  let at = 0;
  for (let wanted = 1; numbers.length < wanted; ) {
    const end = stored.indexOf(10, at);
    const value = Number(stored.toString('latin1', at, end));
    if (end < 0 || !Number.isSafeInteger(value) || value < 0) return null;
    if (numbers.length === 0) wanted = 1 + value * 2;
    numbers.push(value);
    at = end + 1;
  }
  const whole = Buffer.alloc(size);
  at = Math.ceil(at / 512) * 512;
  for (let index = 1; index < numbers.length; index += 2) {
    const [offset, length] = [numbers[index]!, numbers[index + 1]!];
    if (offset + length > size || at + length > stored.length) return null;
    stored.copy(whole, offset, at, at + length);
    at += length;
  }
  return whole;
}
