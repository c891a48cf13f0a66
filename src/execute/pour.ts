import type { Readable, Writable } from 'node:stream';
import type { Tail } from '../graph.ts';
import type { Guard } from './guard.ts';
import type { Ended, Launch } from './launch.ts';

export type PourOptions = {
  /** The artifact's bytes. */
  source: Readable;
  decode: readonly Launch[];
  intake: { consume: Launch } | { file: string; mode: number } | { discard: true };
  tail?: Tail;
  /** What the artifact must be; compared before the end of input is given. */
  expected?: { size: number; sha256: string };
  /** Where the consumer's standard output goes; default nowhere. It is not ended. */
  stdout?: Writable;
  guard: Pick<Guard, 'watch' | 'unwatch'>;
  signal: AbortSignal;
  /** Called with the artifact bytes read. */
  onBytes?(bytes: number): void;
};

export type Poured = { artifact: { size: number; sha256: string }; plain: { size: number }; ended: Ended[] };

/** Sends an artifact through its decoders into the intake. Throws a RunnerError that names the stage at fault. */
export async function pour(_options: PourOptions): Promise<Poured> {
  throw new Error('not built yet');
}
