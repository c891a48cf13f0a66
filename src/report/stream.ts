import type { Subscriber } from './events.ts';
import type { Terminal } from './terminal.ts';

/** The number is the major version: fields may be added to an event, never taken away or changed in meaning. */
export const eventFormat = 'runner/event@1';

/** `--json`: every event as one line of JSON on standard output. */
export function jsonStream(terminal: Terminal): Subscriber {
  return { on: (event) => terminal.data(`${JSON.stringify({ format: eventFormat, ...event })}\n`) };
}
