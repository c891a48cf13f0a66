/** A readable log of each run. pino orders and levels it; it is loaded only here. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Logger } from 'pino';
import { RunnerError } from '../diagnostic.ts';
import { makeFolders } from '../folders.ts';
import { shellWord } from '../shell.ts';
import { describe } from './describe.ts';
import type { Event, Subscriber } from './events.ts';
import { oneLine } from './human.ts';

/** `text`: what was told so far. */
export type Log = Subscriber & { text(): string };

/**
 * The log of a run, one line a happening: in memory, since a run keeps it beside its record at every destination, and where a
 * directory is given as `<directory>/<run>.log`, which is opened when the run says its name.
 */
export async function openLog(directory: string | null): Promise<Log> {
  if (directory !== null) await ready(directory);
  const { pino } = await import('pino');
  const told: string[] = [];
  const titles = new Map<string, string>();
  let file: WriteStream | null = null;
  let fault: Error | null = null;
  const write = (json: string) => {
    const line = readable(json);
    told.push(line);
    file?.write(line);
  };
  const log = pino({ base: null, timestamp: false }, { write });
  return {
    on: (event) => {
      if (event.event === 'run-started') {
        for (const { id, title } of event.tasks) titles.set(id, title);
        if (directory !== null) file = createWriteStream(join(directory, `${event.run}.log`), { mode: 0o600 });
        file?.on('error', (error) => {
          fault = error;
        });
      }
      record(log, event, titles);
    },
    text: () => told.join(''),
    close: async () => {
      file?.end();
      if (file) await finished(file).catch(() => {});
      if (fault) throw new RunnerError(`the log in ${directory} is not whole: ${fault.message}`);
    },
  };
}

/** The run's record as JSON, beside its log. */
export async function writeRecord(directory: string, run: string, record: unknown): Promise<void> {
  await ready(directory);
  await writeFile(join(directory, `${run}.json`), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

async function ready(directory: string): Promise<void> {
  try {
    await makeFolders(resolve(directory), 0o700);
  } catch (error) {
    throw new RunnerError(`the log directory ${directory} cannot be made: ${(error as Error).message}`, {
      exitCode: 4,
      cause: error,
    });
  }
}

function record(log: Logger, event: Event, titles: Map<string, string>): void {
  const { time } = event;
  if (event.event === 'task-progress') return;
  if (event.event === 'command') {
    const end = event.signal === null ? `exit ${event.exitCode}` : `killed by ${event.signal}`;
    log.info({ time }, `${event.task}: ${event.argv.map(shellWord).join(' ')} (${end}, ${event.seconds.toFixed(2)}s)`);
    for (const line of event.stderr.split('\n')) if (line.trim() !== '') log.info({ time }, `  | ${line}`);
    return;
  }
  const sentence = describe(event, titles);
  if (sentence === null) return;
  const level = sentence.weight === 'warning' ? 'warn' : sentence.weight;
  log[level]({ time }, sentence.text);
}

const levels: Record<number, string> = { 30: 'info ', 40: 'WARN ', 50: 'ERROR' };

/** A line of pino as a line for a person. */
function readable(line: string): string {
  const { time, level, msg } = JSON.parse(line) as { time: string; level: number; msg: string };
  return `${time} ${levels[level] ?? level} ${msg.split('\n').map(oneLine).join('\n    ')}\n`;
}
