/** Times as they are typed: a day, or a moment with or without its offset. */
import { RunnerError } from '../diagnostic.ts';
import { zoneClock } from '../retention/calendar.ts';

/** A day has a begin and an end (exclusive); a moment is one instant. Milliseconds since 1970. */
export type Typed = { day: { begin: number; end: number } } | { moment: number };

/** `2026-01-15`, `2026-01-15T10:30`, `2026-01-15 10:30:00`, with `Z` or `+01:00`; without an offset in the plan's zone. */
export function parseTyped(text: string, timezone: string): Typed {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text.trim());
  const [, date, time, offset] = match ?? [];
  const shown = Date.parse(`${date}T${time ?? '00:00'}Z`);
  if (date === undefined || Number.isNaN(shown) || new Date(shown).toISOString().slice(0, 10) !== date) {
    throw new RunnerError(`"${text}" is no time; write 2026-01-15, 2026-01-15T10:30 or 2026-01-15T10:30:00+01:00`, {
      exitCode: 4,
    });
  }
  const clock = zoneClock(timezone);
  if (time === undefined) return { day: { begin: clock.instant(shown), end: clock.instant(shown + 86_400_000) } };
  if (offset === undefined) return { moment: clock.instant(shown) };
  const moment = Date.parse(`${date}T${time}${offset}`);
  if (Number.isNaN(moment)) throw new RunnerError(`"${offset}" is no offset of a time`, { exitCode: 4 });
  return { moment };
}
