import { describe, type Weight } from './describe.ts';
import type { Event, Subscriber } from './events.ts';
import { type Progress, progressText } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds between two lines about the progress of one task. */
const pause = 10_000;

const prefixes: Record<Weight, string> = { info: '', warning: 'warning: ', error: 'error: ' };

/** Milliseconds after which a task that still runs is announced: of a short one its end says enough. */
const patience = 2_000;

type Running = Progress & { told: number; announce: NodeJS.Timeout };

/** In UTC, and saying so: the times of `list` are those of the plan's zone. */
const clock = ({ time }: Event) => `${time.slice(11, 19)}Z`;

/** Plain lines for logs, pipes and cron; with `quiet` only warnings and errors. */
export function lines(terminal: Terminal, options: { quiet: boolean }): Subscriber {
  const titles = new Map<string, string>();
  const running = new Map<string, Running>();
  const print = (event: Event): void => {
    const sentence = describe(event, titles);
    if (sentence === null || (options.quiet && sentence.weight === 'info')) return;
    terminal.say(`${clock(event)} ${prefixes[sentence.weight]}${sentence.text}\n`);
  };
  return {
    on: (event) => {
      const now = Date.parse(event.time);
      if (event.event === 'run-started') for (const { id, title } of event.tasks) titles.set(id, title);
      if (event.event === 'task-started') {
        const title = titles.get(event.task) ?? event.task;
        const announce = setTimeout(() => print(event), patience).unref();
        running.set(event.task, { title, since: now, told: now, bytes: 0, total: null, announce });
        return;
      }
      if (event.event === 'task-progress' && !options.quiet) tell(terminal, event, running, now);
      if (event.event === 'task-finished') clearTimeout(running.get(event.task)?.announce);
      print(event);
    },
    close: async () => {
      for (const { announce } of running.values()) clearTimeout(announce);
    },
  };
}

function tell(
  terminal: Terminal,
  event: Extract<Event, { event: 'task-progress' }>,
  running: Map<string, Running>,
  now: number,
): void {
  const progress = running.get(event.task);
  if (!progress || now - progress.told < pause) return;
  Object.assign(progress, { told: now, bytes: event.bytes, total: event.total ?? null });
  terminal.say(`${clock(event)} ${progress.title}: ${progressText(progress, now)}\n`);
}
