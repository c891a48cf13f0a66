/**
 * A process of its own for a folder on a network file system: when that hangs, this process hangs, and the runner leaves it behind.
 * Started by away.ts; ends when the runner is gone.
 */
import type { Readable } from 'node:stream';
import type { Destination, Sink } from '../../destination.ts';
import { type Answer, type Beginning, type Call, faultOf } from './calls.ts';
import { openLocal } from './store.ts';

type Method = (...parameters: never[]) => unknown;
type Methods = Record<string, Method>;

const objects = new Map<number, Methods>();
let last = 0;

/** Keeps what a call has opened; the number is what the other side calls it by. */
function kept(methods: Methods): number {
  last += 1;
  objects.set(last, methods);
  return last;
}

function storeMethods(store: Destination): Methods {
  return {
    put: async (key: string, attempt: string) => sinkObject(await store.put(key, attempt)),
    get: async (key: string, range?: { start: number; end?: number }) => streamObject(await store.get(key, range)),
    list: (prefix: string) => listObject(store.list(prefix)[Symbol.asyncIterator]()),
    write: (key: string, bytes: Uint8Array) => store.write(key, bytes),
    replace: (key: string, bytes: Uint8Array) => store.replace(key, bytes),
    read: (key: string, limit: number) => store.read(key, limit),
    stat: (key: string) => store.stat(key),
    remove: (key: string) => store.remove(key),
    removeAttempt: (key: string, attempt: string) => store.removeAttempt(key, attempt),
    sweep: (folder: string) => store.sweep?.(folder),
    free: () => store.free(),
    clock: () => store.clock(),
  };
}

function sinkObject(sink: Sink): number {
  return kept({
    write: (batch: Uint8Array[]) => sink.write(batch),
    prepare: () => sink.prepare(),
    publish: () => sink.publish(),
    abort: () => sink.abort(),
  });
}

function streamObject(stream: Readable): number {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const object = kept({
    next: async () => {
      const { value, done } = await chunks.next();
      return done ? null : value;
    },
    end: () => {
      objects.delete(object);
      stream.destroy();
    },
  });
  return object;
}

function listObject(batches: AsyncIterator<unknown>): number {
  const object = kept({
    next: async () => {
      const { value, done } = await batches.next();
      return done ? null : value;
    },
    end: async () => {
      objects.delete(object);
      await batches.return?.();
    },
  });
  return object;
}

async function answer({ call, object, method, parameters }: Call): Promise<void> {
  let said: Answer;
  try {
    const act = objects.get(object)?.[method];
    if (!act) throw new Error(`no ${method} of ${object}`);
    said = { call, value: await act(...(parameters as never[])) };
  } catch (error) {
    said = { call, fault: faultOf(error) };
  }
  process.send?.(said);
}

const { name, options } = JSON.parse(process.argv[2]!) as Beginning;
objects.set(0, storeMethods(openLocal(name, options)));
process.on('message', (call: Call) => void answer(call));
process.on('disconnect', () => process.exit());
// An interrupt of the terminal is the runner's to answer: it may still want to tidy up here.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
