/** Live progress on a terminal. The only module that knows listr2; it is loaded when a terminal is there. */
import {
  DefaultRenderer,
  Listr,
  ListrLogger,
  type ListrTask,
  type ListrTaskWrapper,
  ProcessOutput,
  type SimpleRenderer,
} from 'listr2';
import { formatDuration } from '../units.ts';
import { describe } from './describe.ts';
import type { Event, Subscriber } from './events.ts';
import { progressText } from './progress.ts';
import type { Terminal } from './terminal.ts';

type Wrapper = ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof SimpleRenderer>;

/** A line of the tree: a run's task. listr2 starts them all at once, so each waits here for its own start and end. */
type Row = {
  title: string;
  since: number;
  wrapper: Wrapper | null;
  start: () => void;
  end: (event: Extract<Event, { event: 'task-finished' }>) => void;
};

/** Tasks as a tree with bytes, rate and time left. Warnings follow below it when the run has ended. */
export function tree(terminal: Terminal, signal: AbortSignal): Subscriber {
  const rows = new Map<string, Row>();
  const titles = new Map<string, string>();
  const later: string[] = [];
  let drawn: Promise<unknown> = Promise.resolve();
  // While the tree is drawn, nothing else can be written: that an interrupt was heard must be seen in it.
  signal.addEventListener('abort', () => {
    for (const { wrapper, since } of rows.values())
      if (wrapper && since > 0) wrapper.output = 'stopping, and undoing what was begun';
  });
  return {
    on: (event) => {
      if (event.event === 'run-started') {
        for (const { id, title } of event.tasks) titles.set(id, title);
        drawn = draw(event.tasks, rows).catch((error: unknown) => terminal.say(`progress display: ${String(error)}\n`));
        return;
      }
      follow(event, rows);
      const sentence = describe(event, titles);
      if (sentence && (sentence.weight !== 'info' || event.event === 'committed' || event.event === 'deleted'))
        later.push(`${sentence.weight === 'info' ? '' : `${sentence.weight}: `}${sentence.text}\n`);
    },
    close: async () => {
      // A run that was cut short leaves rows without an end; they must not keep the display alive.
      for (const row of rows.values())
        row.end({ time: '', event: 'task-finished', task: '', outcome: 'skipped', seconds: 0 });
      await drawn;
      terminal.say([...new Set(later)].join(''));
    },
  };
}

function draw(tasks: { id: string; title: string }[], rows: Map<string, Row>): Promise<unknown> {
  const items = tasks.map(({ id, title }) => item(id, title, rows));
  const output = new ProcessOutput(process.stderr, process.stdout);
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput: output });
  const list = new Listr<unknown, typeof DefaultRenderer, typeof SimpleRenderer>(items, {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
    renderer: DefaultRenderer,
    fallbackRendererCondition: false,
    rendererOptions: { logger, formatOutput: 'truncate', collapseSkips: false, collapseErrors: false },
  });
  return list.run();
}

function item(
  id: string,
  title: string,
  rows: Map<string, Row>,
): ListrTask<unknown, typeof DefaultRenderer, typeof SimpleRenderer> {
  let finish: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let outcome: Extract<Event, { event: 'task-finished' }> | null = null;
  const row: Row = {
    title,
    since: 0,
    wrapper: null,
    start: () => setState(row.wrapper, 'STARTED'),
    end: (event) => {
      outcome ??= event;
      finish();
    },
  };
  rows.set(id, row);
  return {
    title,
    task: async (_, wrapper) => {
      row.wrapper = wrapper;
      if (row.since === 0) setState(wrapper, 'WAITING');
      await ended;
      // listr2 throws at an output of a task that is done, and nobody could catch it.
      row.wrapper = null;
      settle(wrapper, title, outcome!);
    },
  };
}

function settle(wrapper: Wrapper, title: string, event: Extract<Event, { event: 'task-finished' }>): void {
  if (event.outcome === 'skipped') {
    wrapper.skip(event.message ? `${title}: ${event.message}` : title);
    return;
  }
  setState(wrapper, 'STARTED');
  const after = event.seconds >= 1 ? ` (${formatDuration(event.seconds)})` : '';
  wrapper.title = `${title}${after}${event.outcome === 'ok' ? '' : ` - ${event.outcome}`}`;
  if (event.outcome === 'failed') throw new Error(event.message ?? 'failed');
  if (event.outcome === 'interrupted') throw new Error('interrupted');
}

function follow(event: Event, rows: Map<string, Row>): void {
  if (!('task' in event) || event.task === undefined) return;
  const row = rows.get(event.task);
  if (!row) return;
  const now = Date.parse(event.time);
  if (event.event === 'task-started') {
    row.since = now;
    row.start();
  } else if (event.event === 'task-progress' && row.wrapper) {
    const { bytes } = event;
    row.wrapper.output = progressText({ title: row.title, since: row.since, bytes, total: event.total ?? null }, now);
  } else if (event.event === 'task-finished') row.end(event);
}

/** listr2 knows no task that was handed over but waits for others; its own state says what is drawn. */
function setState(wrapper: Wrapper | null, state: 'WAITING' | 'STARTED'): void {
  if (wrapper) wrapper.task.state$ = state as never;
}
