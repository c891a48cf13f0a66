import { describe, expect, test } from 'vitest';
import { nearest } from '../../../src/plan/nearest.ts';

const keys = ['hourly', 'daily', 'weekly', 'monthly', 'yearly', 'max-age', 'nas', 'at-least', 'at-most'];

describe('nearest', () => {
  test.each([
    ['daly', 'daily'],
    ['dayli', 'daily'],
    ['adily', 'daily'],
    ['weekley', 'weekly'],
    ['mothly', 'monthly'],
    ['Daily', 'daily'],
    ['max_age', 'max-age'],
    ['maxAge', 'max-age'],
    ['maxage', 'max-age'],
    ['nass', 'nas'],
    ['at-leats', 'at-least'],
  ])('%s means %s', (name, meant) => {
    expect(nearest(name, keys)).toBe(meant);
  });

  test.each(['xyz', 'no', 'd', '', 'decade', 'sda', 'x'.repeat(65)])('%j is near nothing', (name) => {
    expect(nearest(name, keys)).toBeUndefined();
  });

  test('the nearest wins, and the first of equals', () => {
    expect(nearest('mongo', ['mango', 'mongoo', 'mungo'])).toBe('mango');
    expect(nearest('orders', ['order-s2', 'orderz', 'order'])).toBe('orderz');
    expect(nearest('orders', [])).toBeUndefined();
  });

  test('a name is not near itself', () => {
    expect(nearest('daily', ['daily'])).toBeUndefined();
  });
});
