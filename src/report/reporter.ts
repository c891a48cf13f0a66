/** Everything that reports subscribes here; nothing else prints while a run is on. */
import type { Emit, Event, Subscriber } from './events.ts';
import { lines } from './lines.ts';
import { jsonStream } from './stream.ts';
import type { Terminal } from './terminal.ts';

/** `log`: what was told so far, a line a happening. */
export type Report = { emit: Emit; log(): string; close(): Promise<void> };

export type ReportOptions = {
  json: boolean;
  quiet: boolean;
  logDirectory: string | null;
  /** The run may ask a person, and a question cannot be drawn over. */
  asks: boolean;
  signal: AbortSignal;
};

/** The subscribers that the options ask for: one for the terminal and the log. */
export async function openReport(terminal: Terminal, options: ReportOptions): Promise<Report> {
  const { openLog } = await import('./log.ts');
  const log = await openLog(options.logDirectory);
  const subscribers: Subscriber[] = [await forTerminal(terminal, options), log];
  return {
    emit: (event) => {
      const stamped = { time: new Date().toISOString(), ...event } as Event;
      for (const subscriber of subscribers) subscriber.on(stamped);
    },
    log: log.text,
    close: async () => {
      for (const subscriber of subscribers) await subscriber.close?.();
    },
  };
}

async function forTerminal(terminal: Terminal, options: ReportOptions): Promise<Subscriber> {
  if (options.json) return jsonStream(terminal);
  if (options.quiet || options.asks || !terminal.animated) return lines(terminal, { quiet: options.quiet });
  const { tree } = await import('./tree.ts');
  return tree(terminal, options.signal);
}
