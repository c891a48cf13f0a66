/** Units as they are written in a plan (`7d`, `512KiB`, `50%`) and as they are shown to a person. */
import type { Duration } from './retention/policy.ts';

const secondsPerUnit: Record<Duration['unit'], number> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  y: 365 * 86_400,
};

const bytesPerUnit: Record<string, number> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `30s 5m 6h 7d 4w 1y`: a whole number without leading zeros and one unit. Zero, negative and anything else: null. */
export function parseDuration(text: string): Duration | null {
  const match = /^([1-9][0-9]*)([smhdwy])$/.exec(text);
  if (match === null) return null;
  const duration = { amount: Number(match[1]), unit: match[2] as Duration['unit'] };
  return Number.isSafeInteger(seconds(duration)) ? duration : null;
}

/** Seconds where no calendar applies: a day is 86,400 s, a week 7 days, a year 365 days. */
export function seconds(duration: Duration): number {
  return duration.amount * secondsPerUnit[duration.unit];
}

/** `4096B 512KiB 10MB 1GiB`: a whole number and one of B kB MB GB TB KiB MiB GiB TiB -> bytes; anything else: null. */
export function parseSize(text: string): number | null {
  const match = /^(0|[1-9][0-9]*)([A-Za-z]+)$/.exec(text);
  if (match === null || !Object.hasOwn(bytesPerUnit, match[2]!)) return null;
  const bytes = Number(match[1]) * bytesPerUnit[match[2]!]!;
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** `50%` -> 0.5, `200%` -> 2, `0.5%` -> 0.005; anything else: null. */
export function parseFraction(text: string): number | null {
  const match = /^((?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?)%$/.exec(text);
  return match === null ? null : Number(match[1]) / 100;
}

/** `0 B`, `999 B`, `1.5 KiB`, `12.3 MiB`, `340 GiB`: binary units, three digits at most. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let index = 0;
  // 999.5 and not 1024: what would be printed as four digits moves on to the next unit.
  while (index < units.length - 1 && value >= (index === 0 ? 1000 : 999.5)) {
    value /= 1024;
    index += 1;
  }
  if (index === 0) return `${value} B`;
  return `${value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[index]}`;
}

/** `0.4s`, `42s`, `3m 20s`, `2h 5m`, `3d 4h`, `412d`: the two largest units that say something. */
export function formatDuration(length: number): string {
  if (length < 9.95) return `${Number(Math.max(0, length).toFixed(1))}s`;
  const total = Math.round(length);
  if (total < 60) return `${total}s`;
  if (total < 3600) return pair(total, 60, 'm', 's');
  if (total < 86_400) return pair(Math.floor(total / 60), 60, 'h', 'm');
  const hours = Math.floor(total / 3600);
  return hours < 10 * 24 ? pair(hours, 24, 'd', 'h') : `${Math.floor(hours / 24)}d`;
}

function pair(total: number, size: number, large: string, small: string): string {
  const rest = total % size;
  return rest === 0 ? `${Math.floor(total / size)}${large}` : `${Math.floor(total / size)}${large} ${rest}${small}`;
}
