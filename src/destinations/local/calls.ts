/**
 * What we and the process that touches a network file system say to each other. Each call is one bounded piece of work on the store
 * (object 0), or on a sink, a stream or a listing that an earlier call has opened; each has one answer.
 */
import { KeyExists, KeyMissing } from '../../destination.ts';
import { RunnerError } from '../../diagnostic.ts';
import type { LocalOptions } from './store.ts';

export type Call = { call: number; object: number; method: string; parameters: unknown[] };
export type Answer = { call: number } & ({ value: unknown } | { fault: Fault });
export type Fault = { kind: keyof typeof kinds | null; message: string };

/** What the process is started with. */
export type Beginning = { name: string; options: LocalOptions };

const kinds = { KeyExists, KeyMissing, RunnerError };

/** An error as it travels; what it is, is kept for those that somebody tells apart. */
export function faultOf(error: unknown): Fault {
  const kind = (Object.keys(kinds) as (keyof typeof kinds)[]).find((name) => error instanceof kinds[name]) ?? null;
  return { kind, message: error instanceof Error ? error.message : String(error) };
}

export function errorOf({ kind, message }: Fault): Error {
  return kind === null ? new Error(message) : new kinds[kind](message);
}
