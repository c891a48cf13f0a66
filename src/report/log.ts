/** `--log-dir`: a readable log of each run. pino orders and levels it; it is loaded only here. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Logger } from 'pino';
import { RunnerError } from '../diagnostic.ts';
import { makeFolders } from '../folders.ts';
import { describe } from './describe.ts';
import type { Event, Subscriber } from './events.ts';
import { oneLine } from './human.ts';

/** The log as a text in memory: a run keeps it beside its record at every destination. */
export async function textLog(): Promise<Subscriber & { text(): string }> {
  const lines: string[] = [];
  const told = await teller((line) => lines.push(line));
  return { on: told, text: () => lines.join('') };
}

/** `<directory>/<run>.log`, one line a happening; the file is opened when the run says its name. */
export async function openLog(directory: string): Promise<Subscriber> {
  await ready(directory);
  let file: WriteStream | null = null;
  let fault: Error | null = null;
  const told = await teller((line) => file?.write(line));
  return {
    on: (event) => {
      if (event.event === 'run-started') {
        file = createWriteStream(join(directory, `${event.run}.log`), { mode: 0o600 });
        file.on('error', (error) => {
          fault = error;
        });
      }
      told(event);
    },
    close: async () => {
      file?.end();
      if (file) await finished(file).catch(() => {});
      if (fault) throw new RunnerError(`the log in ${directory} is not whole: ${fault.message}`);
    },
  };
}

/** Turns events into lines for a person. */
async function teller(write: (line: string) => void): Promise<(event: Event) => void> {
  const { pino } = await import('pino');
  const titles = new Map<string, string>();
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => write(readable(line)) });
  return (event) => {
    if (event.event === 'run-started') for (const { id, title } of event.tasks) titles.set(id, title);
    record(log, event, titles);
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
    log.info({ time }, `${event.task}: ${event.argv.map(shown).join(' ')} (${end}, ${event.seconds.toFixed(2)}s)`);
    for (const line of event.stderr.split('\n')) if (line.trim() !== '') log.info({ time }, `  | ${line}`);
    return;
  }
  const sentence = describe(event, titles);
  if (sentence === null) return;
  const level = sentence.weight === 'warning' ? 'warn' : sentence.weight;
  log[level]({ time }, sentence.text);
}

function shown(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

const levels: Record<number, string> = { 30: 'info ', 40: 'WARN ', 50: 'ERROR' };

/** A line of pino as a line for a person. */
function readable(line: string): string {
  const { time, level, msg } = JSON.parse(line) as { time: string; level: number; msg: string };
  return `${time} ${levels[level] ?? level} ${msg.split('\n').map(oneLine).join('\n    ')}\n`;
}
