import { zoneClock } from '../../retention/calendar.ts';
import { nearest } from '../nearest.ts';
import { quoted } from '../wording.ts';
import type { Rule } from './rule.ts';

/** Whether this machine knows the zone. */
export function isZone(timezone: string): boolean {
  if (timezone === 'UTC') return true;
  try {
    zoneClock(timezone);
    return true;
  } catch {
    return false;
  }
}

export const unknownTimezone: Rule = {
  id: 'unknown-timezone',
  severity: 'error',
  waivable: false,
  check: ({ plan }) => {
    if (plan.timezone === undefined || isZone(plan.timezone)) return [];
    const suggestion = nearest(plan.timezone, Intl.supportedValuesOf('timeZone'));
    return [
      {
        pointer: '/timezone',
        message: `there is no zone ${quoted(plan.timezone)}`,
        expected: 'a zone such as Europe/Berlin',
        ...(suggestion && { suggestion }),
        backups: [],
      },
    ];
  },
};
