/** One sentence for each event that a person wants to hear of; null for the others. */
import { formatDuration, formatSize } from '../units.ts';
import type { Event } from './events.ts';
import { oneLine } from './human.ts';

export type Weight = 'info' | 'warning' | 'error';
export type Sentence = { weight: Weight; text: string };

/** Titles of tasks by id, as `run-started` names them. */
export type Titles = ReadonlyMap<string, string>;

export function describe(event: Event, titles: Titles): Sentence | null {
  switch (event.event) {
    case 'run-started':
      return info(`${event.command} of plan ${event.plan} starts as run ${event.run}`);
    case 'task-started':
      return info(`${title(event.task, titles)}: started`);
    case 'notice':
      return { weight: event.level, text: about(event.message, event.task ?? null, titles) };
    case 'committed':
      return info(`${event.id}: ${formatSize(event.size)} stored at ${event.destination}`);
    case 'verified': {
      const because = event.message ? `: ${firstLine(event.message)}` : '';
      const place = event.destination === undefined ? '' : ` at ${event.destination}`;
      return event.result === 'pass'
        ? info(`${event.id}: ${event.level} check passed${place}`)
        : { weight: 'error', text: `${event.id}: ${event.level} check FAILED${place}${because}` };
    }
    case 'deleted':
      return info(`${event.id}: deleted at ${event.destination} (${event.reasons.join('; ')})`);
    case 'restored':
      return info(`${event.id}: restored to ${oneLine(event.target)}`);
    case 'task-finished':
      return finished(event, titles);
    case 'run-finished':
      return info(`run ${event.run} ended after ${formatDuration(event.seconds)}: ${event.outcome}`);
    case 'task-progress':
    case 'command':
      return null;
  }
}

function finished(event: Extract<Event, { event: 'task-finished' }>, titles: Titles): Sentence | null {
  const name = title(event.task, titles);
  const why = event.message ? `: ${event.message.trimEnd()}` : '';
  const after = `after ${formatDuration(event.seconds)}`;
  switch (event.outcome) {
    case 'ok':
      return info(`${name}: done ${after}`);
    case 'warned':
      return { weight: 'warning', text: `${name}: done ${after}, with a warning${why}` };
    case 'partial':
      return { weight: 'warning', text: `${name}: partly done ${after}${why}` };
    case 'failed':
      return { weight: 'error', text: `${name}: failed ${after}${why}` };
    case 'interrupted':
      return { weight: 'warning', text: `${name}: interrupted ${after}` };
    case 'skipped':
      return info(`${name}: skipped${why}`);
  }
}

function info(text: string): Sentence {
  return { weight: 'info', text };
}

function title(task: string, titles: Titles): string {
  return titles.get(task) ?? task;
}

function about(message: string, task: string | null, titles: Titles): string {
  return task === null ? message.trimEnd() : `${title(task, titles)}: ${message.trimEnd()}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
