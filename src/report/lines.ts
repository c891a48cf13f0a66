import { describe, type Weight } from './describe.ts';
import type { Event } from './events.ts';
import { type Progress, progressText } from './progress.ts';
import type { Subscriber } from './reporter.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds between two lines about the progress of one task. */
const pause = 10_000;

const prefixes: Record<Weight, string> = { info: '', warning: 'warning: ', error: 'error: ' };

/** Plain lines for logs, pipes and cron; with `quiet` only warnings and errors. */
export function lines(terminal: Terminal, options: { quiet: boolean }): Subscriber {
  const titles = new Map<string, string>();
  const running = new Map<string, Progress & { told: number }>();
  return {
    on: (event) => {
      if (event.event === 'run-started') for (const { id, title } of event.tasks) titles.set(id, title);
      const now = Date.parse(event.time);
      if (event.event === 'task-started') {
        const title = titles.get(event.task) ?? event.task;
        running.set(event.task, { title, since: now, told: now, bytes: 0, total: null });
      }
      if (event.event === 'task-progress' && !options.quiet) tell(terminal, event, running, now);
      const sentence = describe(event, titles);
      if (sentence === null || (options.quiet && sentence.weight === 'info')) return;
      terminal.say(`${event.time.slice(11, 19)} ${prefixes[sentence.weight]}${sentence.text}\n`);
    },
  };
}

function tell(
  terminal: Terminal,
  event: Extract<Event, { event: 'task-progress' }>,
  running: Map<string, Progress & { told: number }>,
  now: number,
): void {
  const progress = running.get(event.task);
  if (!progress || now - progress.told < pause) return;
  Object.assign(progress, { told: now, bytes: event.bytes, total: event.total ?? null });
  terminal.say(`${event.time.slice(11, 19)} ${progress.title}: ${progressText(progress, now)}\n`);
}
