import { describe, expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseFraction, parseSize, seconds } from '../../src/units.ts';

describe('durations', () => {
  test.each([
    ['30s', 30],
    ['5m', 300],
    ['6h', 21_600],
    ['7d', 604_800],
    ['4w', 2_419_200],
    ['1y', 31_536_000],
  ])('%s is %i seconds', (text, expected) => {
    expect(seconds(parseDuration(text)!)).toBe(expected);
  });

  test.each([
    '',
    '0d',
    '-1d',
    '+1d',
    '07d',
    '1.5h',
    '7',
    'd',
    '7 d',
    '7D',
    '1mo',
    '7d ',
    '7d\n',
    '1e3d',
    `${'9'.repeat(20)}d`,
  ])('%j is no duration', (text) => {
    expect(parseDuration(text)).toBeNull();
    expect(parseDuration(`${text}x`)).toBeNull();
  });

  test.each([
    [-1, '0s'],
    [0, '0s'],
    [0.44, '0.4s'],
    [9.96, '10s'],
    [59.4, '59s'],
    [60, '1m'],
    [200, '3m 20s'],
    [3599, '59m 59s'],
    [3600, '1h'],
    [7500, '2h 5m'],
    [86_399, '23h 59m'],
    [86_400, '1d'],
    [273_600, '3d 4h'],
    [412 * 86_400 + 3600, '412d'],
  ])('%d seconds are shown as %s', (length, expected) => {
    expect(formatDuration(length)).toBe(expected);
  });
});

describe('sizes', () => {
  test.each([
    ['0B', 0],
    ['4096B', 4096],
    ['512KiB', 524_288],
    ['10MB', 10_000_000],
    ['3kB', 3000],
    ['1MiB', 1_048_576],
    ['1GiB', 1_073_741_824],
    ['2GB', 2e9],
    ['1TB', 1e12],
    ['1TiB', 2 ** 40],
  ])('%s is %i bytes', (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  test.each(['', '5', 'MiB', '-1B', '1.5GiB', '1 MiB', '1mib', '1KB', '1G', '1constructor', '9999999TiB', '01B'])(
    '%j is no size',
    (text) => {
      expect(parseSize(text)).toBeNull();
    },
  );

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1023 * 1024, '1.0 MiB'],
    [12.34 * 2 ** 20, '12.3 MiB'],
    [340 * 2 ** 30, '340 GiB'],
    [3 * 2 ** 50, '3.0 PiB'],
  ])('%d bytes are shown as %s', (bytes, expected) => {
    expect(formatSize(bytes)).toBe(expected);
  });
});

test.each([
  ['50%', 0.5],
  ['200%', 2],
  ['0.5%', 0.005],
  ['0%', 0],
])('%s is the fraction %d', (text, expected) => {
  expect(parseFraction(text)).toBeCloseTo(expected, 12);
});

test.each(['', '50', '-1%', '%', '50 %', '.5%', '5.%', '1e3%'])('%j is no fraction', (text) => {
  expect(parseFraction(text)).toBeNull();
});
