/** What adminara keeps, to the second. No server is needed for it. */
import { expect, it } from 'vitest';
import { isKept } from './support/keeping.ts';

it('keeps Redis and configuration for 7 days, logs for 14, and nothing a second longer', async () => {
  for (const [backup, days] of [
    ['redis', 7],
    ['config', 7],
    ['logs', 14],
  ] as const)
    for (const second of [-1, 1])
      expect(
        await isKept('plans/adminara.yaml', backup, 'disk', days * 86_400 + second),
        `${backup} ${days}d ${second}`,
      ).toBe(second < 0);
});
