import { expect, it } from 'vitest';
import type { RetentionPolicy } from '../../../src/retention/policy.ts';
import { longestReach } from '../../../src/retention/reach.ts';

const day = 86_400;
const policy = (more: Partial<RetentionPolicy>): RetentionPolicy => {
  return { tiers: {}, tags: [], floor: 1, weekStarts: 'monday', ...more };
};

it('is the longest that any rule of the policy keeps', () => {
  const within = { amount: 7, unit: 'd' } as const;
  expect(longestReach(policy({ within }), [], day)).toBe(8 * day);
  expect(longestReach(policy({ within, last: 30 }), [], day)).toBe(30 * day);
  expect(longestReach(policy({ tiers: { daily: { reach: { amount: 1, unit: 'y' } } } }), [], day)).toBe(366 * day);
  expect(longestReach(policy({ tiers: { monthly: { count: 12 } } }), [], day)).toBeGreaterThanOrEqual(12 * 31 * day);
  expect(longestReach(policy({ tiers: { hourly: { count: 3 } } }), [], day)).toBe(3 * day);
});

it('has no end without a policy, or where a tag keeps', () => {
  expect(longestReach(null, [], day)).toBeNull();
  expect(longestReach(policy({ tags: ['legal'], last: 1 }), ['legal'], day)).toBeNull();
  expect(longestReach(policy({ tags: ['legal'], last: 1 }), ['other'], day)).toBe(day);
});
