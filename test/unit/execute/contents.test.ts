import { describe, expect, it } from 'vitest';
import { contentsProblem } from '../../../src/execute/actions/contents.ts';

const counts = (restored: string, source: string, tolerance = 0) =>
  contentsProblem('counts', restored, source, tolerance);

describe('contents that came back', () => {
  it('are the same, whatever the order', () => {
    expect(counts('a\t1\nb\t2', 'b\t2\na\t1\n')).toBeNull();
    expect(contentsProblem('checksums', 'a\tx y', 'a\tx y', 0)).toBeNull();
    expect(counts('', '')).toBeNull();
  });

  it('are named where they differ, are missing or were not there', () => {
    expect(counts('a\t41\nc\t1', 'a\t42\nb\t7')).toBe('a: 41 instead of 42; b is missing; c is not in the source');
    expect(contentsProblem('checksums', 'a\tx', 'a\ty', 0.5)).toBe('a holds other data (its checksum differs)');
  });

  it('are named up to five times', () => {
    const source = Array.from({ length: 9 }, (_, index) => `t${index}\t1`).join('\n');
    expect(counts('', source)).toBe(
      't0 is missing; t1 is missing; t2 is missing; t3 is missing; t4 is missing; and 4 more',
    );
  });

  it('may differ by a fraction of each count, and never in checksums', () => {
    expect(counts('a\t95\nb\t0', 'a\t100\nb\t0', 0.05)).toBeNull();
    expect(counts('a\t94', 'a\t100', 0.05)).toBe('a: 94 instead of 100');
    expect(counts('a\t1', 'a\t0', 0.05)).toBe('a: 1 instead of 0');
    expect(contentsProblem('checksums', 'a\t95', 'a\t100', 0.05)).toMatch(/^a holds other data/);
  });

  it('lie between bounds where the source says them', () => {
    expect(contentsProblem('checksums', 'value s\t7\nvalue d\t-3', 'value s\t7..9\nvalue d\t..-3', 0)).toBeNull();
    expect(contentsProblem('checksums', 'value s\t6', 'value s\t7..9', 0)).toBe('value s: 6 instead of 7..9');
    expect(contentsProblem('checksums', 'value s\tnone', 'value s\t7..9', 0)).toBe('value s: none instead of 7..9');
  });

  it('with names that hold a tab are split at the last one', () => {
    expect(counts('a\tb\t1', 'a\tb\t2')).toBe('a\tb: 1 instead of 2');
  });
});
